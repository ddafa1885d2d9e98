"""Own the building of the models that give heat maps, from the `model` section."""

from __future__ import annotations

from torch import nn

from zoo_core.errors import UserError
from zoo_core.protocols import ModelContext
from zoo_pose.config.model import PoseModelSection
from zoo_pose.models.heatmaps import PYRAMID, HeatmapNetwork, pyramid_width
from zoo_pose.models.movenet import TappedMobileNetV2
from zoo_pose.models.table import GENERIC, STRIDE, find
from zoo_pose.models.timm_backbone import TimmFeatures
from zoo_pose.models.weights import load_published

FULL = 1.0


def build(section: PoseModelSection, context: ModelContext) -> nn.Module:
    """Build the model that `model.model_name` states; `context.num_classes` is the number of keypoints.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When the size of the images does not fit, or the backbone is missing or gives no such features.
    """
    input = context.input
    if input.height % STRIDE or input.width % STRIDE:
        msg = f"model.input_shape: {section.model_name} takes multiples of {STRIDE} pixels, found {input}."
        raise UserError(msg, hint="Usual are 192x192, 224x224 and 256x256.")
    row = find(section.model_name or "")
    if row is not None and row.name == GENERIC:
        if section.backbone is None:
            raise UserError("model.backbone: heatmaps needs the name of a timm model.", hint="Such as resnet18.")
        backbone: TimmFeatures | TappedMobileNetV2 = TimmFeatures(section.backbone, input)
        width = PYRAMID
    else:
        alpha = section.alpha or FULL
        backbone, width = TappedMobileNetV2(alpha, input.channels), pyramid_width(alpha)
    model = HeatmapNetwork(backbone, context.num_classes, width=width, activation=section.final_activation)
    load_published(model, section, context)
    return model
