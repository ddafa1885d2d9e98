"""Small classifier example_model for zoo."""

__version__ = "0.1.0"
