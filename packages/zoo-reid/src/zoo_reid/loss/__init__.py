"""Own the losses that embeddings are trained with."""
