"""Own the random changes of training pictures."""
