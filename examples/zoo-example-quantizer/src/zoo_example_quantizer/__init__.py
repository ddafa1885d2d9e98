"""Quantizer example_quantizer for zoo, which can leave the ends of a network in float."""

__version__ = "0.1.0"
