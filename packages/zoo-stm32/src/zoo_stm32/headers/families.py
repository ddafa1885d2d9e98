"""Own the families of outputs that ST's applications decode, and what each needs from a model's metadata.

A task package chooses a family by the entry `decoding.family` of the metadata in its ONNX files and puts the values
that the family needs beside it (`zoo_stm32.headers.values` lists all keys of the metadata):

| `family` (aliases) | boards | further entries of `decoding` |
| --- | --- | --- |
| `classification` | H7, N6 | none |
| `st_ssd` | H7, N6 | `total_boxes`, the usual |
| `ssd_fpnlite` (`ssd_mobilenet_v2_fpnlite`) | H7, N6 | as `st_ssd`, `xy_scale, wh_scale, anchor_boxes` |
| `yolov2` (`yolov2t`, `tiny_yolo_v2`, `st_yololcv1`) | H7, N6 | `grid_height, grid_width, anchor_sizes`, the usual |
| `st_yolox` (`st_yoloxn`) | H7, N6 | `strides, level_anchors`, the usual |
| `yolov8` (`yolov8n`, `yolov11n`, `yolov5u`) | N6 | `total_boxes`, the usual |
| `blazeface` (`face_detect_front`) | N6 | `keypoints, anchors_0, anchors_1`, the usual |
| `ssd` | N6 | `xy_variance, wh_variance, anchor_boxes`, the usual |
| `st_yolod` | N6 | `strides`, the usual |
| `heatmaps_spe` | N6 | `confidence_threshold, keypoints, heatmap_height, heatmap_width`; `bindings` if wanted |
| `yolo_mpe` | N6 | `total_boxes, keypoints`, the usual; `bindings` if wanted |
| `embedding` | N6 | `features`; the five entries of the section `app` come from the configuration |

The usual entries are `confidence_threshold`, `iou_threshold` and `max_boxes`. The SSD families have a background class
before the named ones; it is not among `class_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo_core.errors import UserError

H7 = "STM32H7"
N6 = "STM32N6"
SERIES = (H7, N6)

THRESHOLDS = ("confidence_threshold", "iou_threshold")
BOXES = (*THRESHOLDS, "max_boxes")
APP = (
    "max_object_detect",
    "max_object_tracking",
    "score_threshold",
    "lost_time_in_ms",
    "start_tracking_conf_threshold",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorFile:
    """Name a header of anchors, its variable and the entry it is made of."""

    file: str
    variable: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Describe one way of decoding outputs."""

    name: str
    needs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    background: bool = False
    types: Mapping[str, str] = field(default_factory=dict)
    """Series -> value of POSTPROCESS_TYPE; empty where the application has none."""
    anchors: Mapping[str, tuple[AnchorFile, ...]] = field(default_factory=dict)
    """Series -> headers of anchors beside the main one."""
    app: tuple[str, ...] = ()
    """Entries of the section `app` that the header holds."""


def _ssd(file: str) -> tuple[AnchorFile, ...]:
    return (AnchorFile(file=file, variable="g_Anchors", entry="anchor_boxes"),)


FAMILIES: tuple[Family, ...] = (
    Family(name="classification", types={H7: "", N6: ""}),
    Family(
        name="st_ssd",
        needs=(*BOXES, "total_boxes"),
        background=True,
        types={H7: "POSTPROCESS_ST_SSD", N6: "POSTPROCESS_OD_ST_SSD_UF"},
    ),
    Family(
        name="ssd_fpnlite",
        aliases=("ssd_mobilenet_v2_fpnlite",),
        needs=(*BOXES, "total_boxes", "xy_scale", "wh_scale", "anchor_boxes"),
        background=True,
        types={H7: "POSTPROCESS_SSD", N6: "POSTPROCESS_OD_ST_SSD_UF"},
        anchors={H7: _ssd("anchors.h"), N6: _ssd("anchors.h")},
    ),
    Family(
        name="yolov2",
        aliases=("yolov2t", "tiny_yolo_v2", "st_yololcv1"),
        needs=(*BOXES, "grid_height", "grid_width", "anchor_sizes"),
        types={H7: "POSTPROCESS_YOLO_V2", N6: "POSTPROCESS_OD_YOLO_V2_UI"},
    ),
    Family(
        name="st_yolox",
        aliases=("st_yoloxn",),
        needs=(*BOXES, "strides", "level_anchors"),
        types={H7: "POSTPROCESS_ST_YOLO_X", N6: "POSTPROCESS_OD_ST_YOLOX_UI"},
    ),
    Family(
        name="yolov8",
        aliases=("yolov8n", "yolov11n", "yolov5u"),
        needs=(*BOXES, "total_boxes"),
        types={N6: "POSTPROCESS_OD_YOLO_V8_UI"},
    ),
    Family(
        name="blazeface",
        aliases=("face_detect_front",),
        needs=(*BOXES, "keypoints", "anchors_0", "anchors_1"),
        types={N6: "POSTPROCESS_OD_BLAZEFACE_UI"},
        anchors={
            N6: (
                AnchorFile(file="fd_blazeface_anchors_0.h", variable="g_Anchors_0", entry="anchors_0"),
                AnchorFile(file="fd_blazeface_anchors_1.h", variable="g_Anchors_1", entry="anchors_1"),
            )
        },
    ),
    Family(
        name="ssd",
        needs=(*BOXES, "xy_variance", "wh_variance", "anchor_boxes"),
        background=True,
        types={N6: "POSTPROCESS_OD_SSD_UI"},
        anchors={N6: _ssd("ssd_anchors.h")},
    ),
    Family(name="st_yolod", needs=(*BOXES, "strides"), types={N6: "POSTPROCESS_OD_ST_YOLOD_UI"}),
    Family(
        name="heatmaps_spe",
        needs=("confidence_threshold", "keypoints", "heatmap_height", "heatmap_width"),
        optional=("bindings",),
        types={N6: "POSTPROCESS_SPE_MOVENET_UI"},
    ),
    Family(
        name="yolo_mpe",
        needs=(*BOXES, "total_boxes", "keypoints"),
        optional=("bindings",),
        types={N6: "POSTPROCESS_MPE_YOLO_V8_UI"},
    ),
    Family(name="embedding", needs=("features",), types={N6: ""}, app=APP),
)


def find_family(name: str, series: str) -> Family:
    """Return a family by its name or alias.

    Raises:
        UserError: When there is no such family, or the applications for the series do not decode it.
    """
    family = next((one for one in FAMILIES if name in (one.name, *one.aliases)), None)
    if family is None:
        raise UserError(
            f"The model's outputs are of the family {name}, which no application of ST decodes.",
            hint=f"Known families: {', '.join(one.name for one in FAMILIES)}; see the metadata entry decoding.family.",
        )
    if series not in family.types:
        known = ", ".join(one.name for one in FAMILIES if series in one.types)
        raise UserError(
            f"ST's applications for {series} do not decode outputs of the family {family.name}.",
            hint=f"Families for {series}: {known}. Boards of {' and '.join(family.types)} decode {family.name}.",
        )
    return family
