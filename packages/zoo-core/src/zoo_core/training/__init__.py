"""Own training: the trainer on Lightning, what it is built from, and checkpoints."""
