"""Own the headers of ST's applications: templates filled with the values of a model.

Macro names, their numbers and the files are those of ST's model zoo services 3.x and 4.x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from zoo_core.runs.files import write_text
from zoo_stm32.headers.ctext import c_comment, c_float, c_floats, c_string, c_string_table
from zoo_stm32.headers.entries import ENTRIES, PAIR, POSITIVE, SHARE
from zoo_stm32.headers.values import ASPECT_RATIOS, COLOR_MODES, HeaderValues

MAIN_HEADERS = {"STM32H7": "ai_model_config.h", "STM32N6": "app_config.h"}
FOLDERS = {"STM32H7": "h7", "STM32N6": "n6"}
IO_FORMATS = {"uint8": "UINT8_FORMAT", "int8": "INT8_FORMAT", "float32": "FLOAT32_FORMAT"}
LEVEL_NAMES = ("l", "m", "s")
DEFAULT_COLOR = "UTIL_LCD_COLOR_GREEN"
WELCOME = "Model Running in STM32 MCU internal memory"
WELCOME_NUCLEO = '((char *[2]) {"Model Running in STM32 MCU", "internal memory"})'
BACKGROUND = "background"


def write_headers(values: HeaderValues, folder: Path) -> tuple[Path, ...]:
    """Write the headers of an application into a folder, the main one first.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    texts = render_headers(values)
    for name, text in texts.items():
        write_text(folder / name, text)
    return tuple(folder / name for name in texts)


def render_headers(values: HeaderValues) -> dict[str, str]:
    """Return file name -> text of every header of an application, the main one first."""
    main = MAIN_HEADERS[values.series]
    texts = {main: _fill(main, _main_entries(values))}
    for anchors in values.family.anchors.get(values.series, ()):
        rows: Sequence[Sequence[float]] = values.decoding[anchors.entry]
        texts[anchors.file] = _fill(
            "anchors.h",
            {
                "model": c_comment(values.model),
                "guard": anchors.file.upper().replace(".", "_"),
                "name": anchors.variable,
                "rows": str(len(rows)),
                "columns": str(len(rows[0])),
                "values": c_floats([value for row in rows for value in row]),
            },
        )
    return texts


def _main_entries(values: HeaderValues) -> dict[str, str]:
    names = (BACKGROUND, *values.class_names) if values.family.background else values.class_names
    block = _block(values, len(names))
    return {
        "model": c_comment(values.model),
        "includes": _includes(block),
        "nb_classes": str(len(names)),
        "height": str(values.height),
        "width": str(values.width),
        "channels": str(values.channels),
        "classes": c_string_table(names),
        "aspect_ratio": ASPECT_RATIOS[values.series][values.aspect_ratio],
        "color_mode": COLOR_MODES[values.series][values.color_mode],
        "input_type": IO_FORMATS[values.input_type],
        "output_type": IO_FORMATS[values.output_type],
        "welcome_1": c_string(values.model),
        "welcome_2": WELCOME_NUCLEO if values.board.startswith("NUCLEO") else c_string(WELCOME),
        "block": block,
    }


def _includes(block: str) -> str:
    wanted = [name for name, mark in (("arm_math.h", "float32_t"), ("stm32_lcd.h", "UTIL_LCD_")) if mark in block]
    return "".join(["\n", *(f'#include "{name}"\n' for name in wanted)]) if wanted else ""


def _block(values: HeaderValues, classes: int) -> str:
    """Return the part of the main header that belongs to the family."""
    folder = FOLDERS[values.series]
    kind = values.family.types[values.series]
    if not kind:
        plain = f"{folder}/{values.family.name}.h"
        return _fill(plain, _family_entries(values, classes)) if _exists(plain) else ""
    return _fill(f"{folder}/types.h", {"postprocess_type": kind}) + _fill(
        f"{folder}/{values.family.name}.h", _family_entries(values, classes)
    )


def _family_entries(values: HeaderValues, classes: int) -> dict[str, str]:
    found: dict[str, Any] = {**values.decoding, **values.app}
    entries = {
        key: c_float(value) if ENTRIES[key] in (SHARE, POSITIVE) else str(value)
        for key, value in found.items()
        if key in ENTRIES and isinstance(value, int | float)
    }
    entries |= {
        "nb_classes": str(classes),
        "height": str(values.height),
        "width": str(values.width),
        "camera": f"CAMERA_INTERFACE_{values.camera}",
        "display": f"DISPLAY_INTERFACE_{values.display}",
        "bindings": _bindings(values.decoding.get("bindings") or ()),
    }
    return entries | _anchor_entries(found) | _grid_entries(values)


def _anchor_entries(found: Mapping[str, Any]) -> dict[str, str]:
    entries: dict[str, str] = {}
    if "anchor_boxes" in found:
        entries["nb_anchors"] = str(len(found["anchor_boxes"]))
    if "anchor_sizes" in found:
        entries["nb_anchors"] = str(len(found["anchor_sizes"]))
        entries["anchors"] = _flat(found["anchor_sizes"])
    if "level_anchors" in found:
        entries["nb_anchors"] = str(len(found["level_anchors"][0]))
        entries |= {
            f"{level}_anchors": _flat(rows) for level, rows in zip(LEVEL_NAMES, found["level_anchors"], strict=True)
        }
    for index in range(PAIR):
        if f"anchors_{index}" in found:
            entries[f"boxes_{index}"] = str(len(found[f"anchors_{index}"]))
    return entries


def _grid_entries(values: HeaderValues) -> dict[str, str]:
    """Return the grids of the three strides; the finest one is the large grid."""
    strides = values.decoding.get("strides")
    if strides is None:
        return {}
    entries = {f"stride_{index}": str(stride) for index, stride in enumerate(strides)}
    for level, stride in zip(LEVEL_NAMES, sorted(strides), strict=True):
        entries[f"{level}_grid_width"] = str(values.width // stride)
        entries[f"{level}_grid_height"] = str(values.height // stride)
    return entries


def _flat(rows: Sequence[Sequence[float]]) -> str:
    return ", ".join(c_float(value) for row in rows for value in row)


def _bindings(edges: Sequence[Sequence[Any]]) -> str:
    """Return the macros of the skeleton that is drawn, or nothing."""
    if not edges:
        return ""
    lines = [f"    {{ {edge[0]}, {edge[1]}, {(*edge, DEFAULT_COLOR)[PAIR]} }}, \\" for edge in edges]
    head = ["#define USE_BINDINGS", f"#define BINDINGS_NB ({len(edges)})"]
    return "\n".join([*head, "#define BINDINGS const int bindings[BINDINGS_NB][3] = { \\", *lines, "}\n"])


def _fill(template: str, entries: Mapping[str, str]) -> str:
    return Template(_source(template)).substitute(entries)


def _source(template: str) -> str:
    return files("zoo_stm32.headers").joinpath("templates", template).read_text(encoding="utf-8")


def _exists(template: str) -> bool:
    return files("zoo_stm32.headers").joinpath("templates", template).is_file()
