"""Person re-identification for zoo."""

__version__ = "0.1.0"
