"""Own the words that several parts of re-identification share."""

COSINE, EUCLIDEAN = "cosine", "euclidean"
EMBEDDING = "embedding"
"""Name of the output of exported models, and of the family of outputs that ST's application reads."""
