"""Own the choice of the family that reads a model's outputs, with what the family needs to know of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.errors import UserError
from zoo_core.protocols import ModelInfo
from zoo_detection.config import DetectionModelSection, PostprocessingSection
from zoo_detection.families.base import Family
from zoo_detection.families.catalogue import FAMILIES, find
from zoo_detection.models.ssd import ssd_priors
from zoo_detection.names import SSD

PRIOR_NUMBERS = 4
ANCHOR_OPTION = "anchors"
ANCHOR_KEY = "postprocessing.yolo_anchors"


def choose_family(section: DetectionModelSection, model: ModelInfo, postprocessing: PostprocessingSection) -> Family:
    """Return the reader of a model's outputs: by `model.model_type`, what the model file says, or the model's name.

    Raises:
        UserError: When nothing says what form the outputs have, or the anchors do not fit it.
    """
    decoding: Mapping[str, Any] = model.origin.get("decoding") or {}
    named = {entry.name for entry in FAMILIES} & model.tags
    name = section.model_type or decoding.get("family") or next(iter(sorted(named)), None)
    if name is None:
        raise UserError(
            "model.model_type is missing, and neither the model's name nor its file says how its outputs are read.",
            hint=f"Set it to one of: {', '.join(entry.name for entry in FAMILIES)}.",
        )
    entry = find(str(name))
    options: dict[str, Any] = {}
    if entry.name == SSD:
        options["priors"] = _priors(section, model, decoding)
    anchors = postprocessing.yolo_anchors
    if anchors is not None:
        if ANCHOR_OPTION not in entry.options:
            msg = f"{ANCHOR_KEY}: models of the type {entry.name} have no anchors."
            raise UserError(msg, hint="Remove the key.")
        options[ANCHOR_OPTION] = anchors
    return entry.build(model.input, len(model.class_names), **options)


def _priors(section: DetectionModelSection, model: ModelInfo, decoding: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Return prior boxes (A, 4) in shares of the image: those in the model's file, else those of its name."""
    stored = decoding.get("anchor_boxes")
    if stored:
        return np.asarray(stored, np.float32).reshape(-1, PRIOR_NUMBERS)
    named = section.model_name or (model.name if model.tags else "")  # a file's own name says nothing
    return ssd_priors(named, model.input, section.backbone)
