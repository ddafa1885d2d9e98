"""Own the forms of outputs of pose estimators, and how each is read."""
