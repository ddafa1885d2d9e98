"""Own the networks that turn a picture of a person into an embedding, and the weights published for them."""
