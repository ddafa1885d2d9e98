"""Own the commented file that `zoo init classification` writes."""

from importlib import resources

TEXT = resources.files("zoo_classification").joinpath("conf/starter.yaml").read_text(encoding="utf-8")
"""A whole configuration that runs as it stands."""
