"""Own the values that ST's application headers hold, read from the metadata inside an ONNX model.

Keys of the metadata that a task package must provide (`zoo_core.export.onnx_file.inspect_onnx(path).metadata`):

* `use_case`: name of the task, shown in messages only.
* `class_names`: list of names in the order of the outputs, without a background class; not for the family `embedding`.
* `preprocessing`: `input` [channels, height, width], `aspect_ratio` (`fit`, `crop`, `padding`, `full_screen`) and
  `color_mode` (`rgb`, `bgr`, `grayscale`), as `zoo_core.data.preprocessing` writes them.
* `decoding`: `family` and the entries that `zoo_stm32.headers.families` lists for it. Without `family` the entry `type`
  counts, which is how classification says `classification`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo_core.errors import UserError
from zoo_stm32.headers.entries import problems
from zoo_stm32.headers.families import H7, N6, SERIES, Family, find_family

IO_TYPES = ("uint8", "int8", "float32")
ASPECT_RATIOS = {
    H7: {
        "fit": "ASPECT_RATIO_FIT",
        "full_screen": "ASPECT_RATIO_FIT",
        "crop": "ASPECT_RATIO_CROP",
        "padding": "ASPECT_RATIO_PADDING",
    },
    N6: {"crop": "ASPECT_RATIO_CROP", "fit": "ASPECT_RATIO_FIT", "full_screen": "ASPECT_RATIO_FULLSCREEN"},
}
COLOR_MODES = {
    H7: {"rgb": "RGB_FORMAT", "bgr": "BGR_FORMAT", "grayscale": "GRAYSCALE_FORMAT"},
    N6: {"bgr": "COLOR_BGR", "rgb": "COLOR_RGB"},
}
CAMERAS = ("DCMI", "USB", "SPI")
DISPLAYS = {H7: ("USB", "SPI"), N6: ("UVCL", "SPI")}
RANK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderValues:
    """Hold what the headers of an application say of a model; sizes in pixels."""

    series: str
    board: str
    model: str
    """File name of the model, shown by the application at its start."""
    class_names: tuple[str, ...]
    height: int
    width: int
    channels: int
    aspect_ratio: str
    color_mode: str
    input_type: str
    output_type: str
    family: Family
    decoding: Mapping[str, Any]
    app: Mapping[str, Any] = field(default_factory=dict)
    camera: str = "DCMI"
    display: str = "USB"


def read_values(
    metadata: Mapping[str, Any],
    *,
    series: str,
    board: str,
    model: str,
    input_type: str = "uint8",
    output_type: str = "float32",
    app: Mapping[str, Any] | None = None,
    camera: str | None = None,
    display: str | None = None,
) -> HeaderValues:
    """Read the values for the headers of a board's application.

    Args:
        metadata: What the model file says of itself.
        series: `STM32H7` or `STM32N6`.
        board: Name of the board.
        model: File name of the model.
        input_type: Number format of the network's input on the board.
        output_type: Number format of its outputs there.
        app: Section `app` of the configuration, for tracking.
        camera: `DCMI`, `USB` or `SPI`, for STM32H7.
        display: `USB` or `SPI` for STM32H7, `UVCL` or `SPI` for STM32N6.

    Raises:
        UserError: Listing all that is missing or wrong at once.
    """
    if series not in SERIES:
        raise UserError(f"Applications for {series} have no header that is made from a model.")
    decoding = _mapping(metadata.get("decoding"))
    name = decoding.get("family") or decoding.get("type")
    lines: list[str] = []
    family: Family | None = None
    if isinstance(name, str):
        family = find_family(name, series)
        lines += problems(decoding, family.needs, family.optional, "decoding")
        lines += problems(dict(app or {}), family.app, (), "app")
    else:
        lines.append("decoding.family: missing, the way in which the application decodes the outputs")
    preprocessing = _mapping(metadata.get("preprocessing"))
    needs_names = family is None or not family.app
    lines += _metadata_problems(metadata, preprocessing, series, needs_names=needs_names)
    lines += _choice_problems(input_type, output_type, camera, display, DISPLAYS[series])
    if lines or family is None:
        raise UserError(
            "\n".join([f"{model} does not say all that the headers for {board} need:", *(f"  {one}" for one in lines)]),
            hint="Export the model again with zoo, or write the entries into its metadata.",
        )
    channels, height, width = (int(size) for size in preprocessing["input"])
    return HeaderValues(
        series=series,
        board=board,
        model=model,
        class_names=tuple(metadata["class_names"]) if needs_names else ("object",),
        height=height,
        width=width,
        channels=channels,
        aspect_ratio=preprocessing["aspect_ratio"],
        color_mode=preprocessing["color_mode"],
        input_type=input_type,
        output_type=output_type,
        family=family,
        decoding=dict(decoding),
        app={key: (app or {})[key] for key in family.app},
        camera=camera or "DCMI",
        display=display or "USB",
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _metadata_problems(
    metadata: Mapping[str, Any], preprocessing: Mapping[str, Any], series: str, *, needs_names: bool
) -> list[str]:
    lines = []
    if needs_names and not _names(metadata.get("class_names")):
        lines.append("class_names: missing, a list of names in the order of the outputs")
    sizes = preprocessing.get("input")
    if not _sizes(sizes):
        lines.append(f"preprocessing.input: expected [channels, height, width], found {sizes!r:.60}")
    for key, legal in (("aspect_ratio", ASPECT_RATIOS[series]), ("color_mode", COLOR_MODES[series])):
        found = preprocessing.get(key)
        if found not in legal:
            lines.append(f"preprocessing.{key}: {series} applications know {', '.join(legal)}, found {found!r:.60}")
    return lines


def _names(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(map(_text, value))


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _sizes(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == RANK
        and all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in value)
    )


def _choice_problems(
    input_type: str, output_type: str, camera: str | None, display: str | None, displays: tuple[str, ...]
) -> list[str]:
    choices = (
        ("input type", input_type, IO_TYPES),
        ("output type", output_type, IO_TYPES),
        ("deployment.hardware_setup.input", camera, CAMERAS),
        ("deployment.hardware_setup.output", display, displays),
    )
    return [
        f"{key}: expected {', '.join(legal)}, found {value}"
        for key, value, legal in choices
        if value is not None and value not in legal
    ]
