"""Own the networks that several use cases are built on."""
