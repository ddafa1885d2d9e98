"""Own the losses that pose estimators are trained with, and their targets."""
