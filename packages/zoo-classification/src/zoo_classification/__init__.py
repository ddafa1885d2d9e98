"""Image classification for zoo: models, data sets, evaluation."""

__version__ = "0.1.0"
