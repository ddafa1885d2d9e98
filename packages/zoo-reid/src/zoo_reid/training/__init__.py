"""Own the choice of training pictures for every batch."""
