"""Own the commented file that `zoo init pose` writes."""

from importlib import resources

TEXT = resources.files("zoo_pose").joinpath("conf/starter.yaml").read_text(encoding="utf-8")
"""A whole configuration, for the persons that `zoo data make shapes` draws."""
