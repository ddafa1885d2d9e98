"""Own the question how many numbers an embedding has, answered without computing anything."""

from __future__ import annotations

import torch

from zoo_core.artifacts import InputSpec
from zoo_core.protocols import ModelContext
from zoo_reid.config.model import ReidModelSection
from zoo_reid.models.build import build


def embedding_size(section: ReidModelSection, name: str, input: InputSpec) -> int:
    """Return the numbers in an embedding of a model of this package.

    Raises:
        UserError: When there is no such model, or the images do not fit it.
    """
    plain = {"model_name": name, "pretrained": False, "model_path": None, "pretrained_model_path": None}
    with torch.device("meta"):
        return build(section.model_copy(update=plain), ModelContext(num_classes=0, input=input)).embedding_size
