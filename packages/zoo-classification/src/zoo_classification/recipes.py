"""Own the texts of the recipes in `conf/recipe`, each an attribute of this module by its name."""

from __future__ import annotations

from importlib import resources


def __getattr__(name: str) -> str:
    """Return the text of the recipe of that name."""
    file = resources.files("zoo_classification").joinpath("conf", "recipe", f"{name}.yaml")
    if not file.is_file():
        msg = f"module {__name__} has no attribute {name}"
        raise AttributeError(msg)
    return file.read_text(encoding="utf-8")
