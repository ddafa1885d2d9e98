"""Own what can be said about images before a training: damage, duplicates, balance, sizes, mean and deviation."""
