"""Own the commented file that `zoo init detection` writes."""

from importlib import resources

TEXT = resources.files("zoo_detection").joinpath("conf/starter.yaml").read_text(encoding="utf-8")
"""A whole configuration, for the shapes that `zoo data make shapes` draws."""
