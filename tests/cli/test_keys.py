"""Keys of a section are listed with their type, default and meaning, subsections included."""

from typing import Annotated

from pydantic import BaseModel, Field

from zoo_core.cli._keys import section_keys


class Inner(BaseModel):
    rate: Annotated[float, Field(gt=0)] = 0.5


class Outer(BaseModel):
    epochs: int = Field(description="How often.\n\nMore about it.")
    eps: float | None = Field(default=None, alias="opt-eps")
    sizes: tuple[int, ...] = (1, 2)
    name: str = ""
    inner: Inner = Inner()
    optional: Inner | None = None
    options: dict[str, float] = Field(default_factory=dict)


def test_section_keys_are_dotted_and_hold_default_and_meaning() -> None:
    keys = {key.name: (key.default, key.meaning) for key in section_keys(Outer)}
    assert keys == {
        "epochs": ("(required)", "How often."),
        "opt-eps": ("None", ""),
        "sizes": ("[1, 2]", ""),
        "name": ('""', ""),
        "inner.rate": ("0.5", ""),
        "optional.rate": ("0.5", ""),
        "options": ("{}", ""),
    }


def test_types_are_told_in_words_and_not_in_python() -> None:
    takes = {key.name: key.takes for key in section_keys(Outer)}
    assert "whole number" in takes["epochs"]
    assert "greater than 0" in takes["inner.rate"]
    assert "list" in takes["sizes"]
