"""Own the list of families, found by the values of `model.model_type` that ST's users know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.lazy import LazyRef
from zoo_core.names import did_you_mean
from zoo_detection.families.base import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyEntry:
    """Name a family of detectors and the class that reads its outputs; the class is imported on use."""

    name: str
    summary: str
    family: LazyRef[Callable[..., Family]]
    """`(input: InputSpec, classes: int, **options) -> Family`."""
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Options that `build` takes beside input and classes."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Options that the name itself decides."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return every value of `model.model_type` that means this family."""
        return self.name, *self.aliases

    def build(self, input: InputSpec, classes: int, **options: Any) -> Family:
        """Return the reader of outputs for one input size and number of classes; options that are `None` are left out.

        Raises:
            UserError: When the family has no such option, or its value cannot be used.
        """
        given = {name: value for name, value in options.items() if value is not None}
        unknown = sorted(given.keys() - set(self.options))
        if unknown:
            raise UserError(
                f"Models of the type {self.name} have no {' and no '.join(unknown)}.",
                hint=f"They take {', '.join(self.options) or 'no options'}.",
            )
        return self.family.load()(input, classes, **self.fixed, **given)


FAMILIES: tuple[FamilyEntry, ...] = (
    FamilyEntry(
        name="st_yolod",
        summary="ST_YOLOD: boxes, objectness and classes of three grids without anchors",
        family=LazyRef("zoo_detection.families.st_yolod:StYolodFamily"),
    ),
    FamilyEntry(
        name="ssd",
        summary="SSD: offsets from prior boxes, and classes with a background",
        family=LazyRef("zoo_detection.families.ssd:SsdFamily"),
        options=("priors",),
    ),
    FamilyEntry(
        name="yolov8",
        summary="YOLOv8 and its relatives: decoded boxes with one probability per class",
        family=LazyRef("zoo_detection.families.yolov8:Yolov8Family"),
        aliases=("yolov8n", "yolov11n", "yolov5u"),
    ),
    FamilyEntry(
        name="st_yolox",
        summary="ST_YOLOX: three grids with anchors that are shares of the input",
        family=LazyRef("zoo_detection.families.st_yolox:StYoloxFamily"),
        aliases=("st_yoloxn",),
        options=("anchors",),
    ),
    FamilyEntry(
        name="yolov2",
        summary="Tiny YOLOv2: one grid of stride 32 with anchors in cells",
        family=LazyRef("zoo_detection.families.yolov2:Yolov2Family"),
        aliases=("yolov2t", "tiny_yolo_v2"),
        options=("anchors",),
    ),
    FamilyEntry(
        name="st_yololcv1",
        summary="ST_YOLO_LC: as Tiny YOLOv2, with a grid of stride 16",
        family=LazyRef("zoo_detection.families.yolov2:Yolov2Family"),
        aliases=("st_yolo_lc_v1",),
        options=("anchors",),
        fixed={"stride": 16},
    ),
)


def find(name: str) -> FamilyEntry:
    """Return the family that a value of `model.model_type` means.

    Raises:
        UserError: When no family has that name.
    """
    folded = name.casefold()
    entry = next((one for one in FAMILIES if folded in one.names), None)
    if entry is not None:
        return entry
    known = [other for one in FAMILIES for other in one.names]
    near = did_you_mean(name, known)
    raise UserError(
        f'model.model_type is "{name}", which is no detector whose outputs can be read.',
        hint=f"{near + ' ' if near else ''}Known types: {', '.join(known)}.",
    )
