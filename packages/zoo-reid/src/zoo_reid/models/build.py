"""Own the building of embedders: name, backbone, what stands behind it, and published weights."""

from __future__ import annotations

from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_core.networks.input_size import Size, refuse_size
from zoo_core.protocols import ModelContext
from zoo_reid.config.model import ReidModelSection
from zoo_reid.models.backbones import Backbone, own_backbone
from zoo_reid.models.embedder import Embedder
from zoo_reid.models.table import GENERIC, MODELS, PERSON, TIMM, ReidModel, find
from zoo_reid.models.weights import load_published, pretrained_backbone

FULL_WIDTH = 1.0
BNNECK = "bnneck"


def build(section: ReidModelSection, context: ModelContext) -> Embedder:
    """Build the embedder that `model.model_name` states.

    Raises:
        MissingError: When pretrained weights are asked for and cannot be had.
        UserError: When the images do not fit the network, or timm has no such backbone.
    """
    row = _row(section)
    if row.family == TIMM:
        return _assembled(pretrained_backbone(row.name, _source(row, section), section, context), section, context)
    width = row.width or section.alpha or FULL_WIDTH

    def create(_: Size) -> Embedder:
        return _assembled(own_backbone(row.family, width, context.input.channels), section, context)

    usual = (PERSON.height, PERSON.width)
    refuse_size(create, row.name, context.input, usual)
    model = create(usual)
    load_published(model, row.family, width, section, context)
    return model


def _row(section: ReidModelSection) -> ReidModel:
    name = section.model_name or ""
    row = find(name)
    if row is None:
        hint = did_you_mean(name, [model.name for model in MODELS])
        raise UserError(f'No model of re-identification is called "{name}".', hint=hint or "See: zoo list models")
    return row


def _source(row: ReidModel, section: ReidModelSection) -> str:
    if row.name != GENERIC:
        return row.source
    if section.backbone is None:
        raise UserError(f"model.backbone: {GENERIC} needs the name of a timm model.", hint="For example: resnet18.")
    return section.backbone


def _assembled(backbone: Backbone, section: ReidModelSection, context: ModelContext) -> Embedder:
    return Embedder(
        backbone.parts,
        backbone.channels,
        num_classes=context.num_classes,
        embedding_size=section.embedding_size,
        neck=section.neck == BNNECK,
    )
