"""Own the losses that detectors are trained with, and the assignment of true boxes to outputs."""
