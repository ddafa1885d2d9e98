"""Own the table of the models of re-identification by name; data only, nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_core.artifacts import InputSpec
from zoo_core.names import split_qualified

MOBILENET_V1, MOBILENET_V2, OSNET, TIMM = "mobilenetv1", "mobilenetv2", "osnet", "timm"
GENERIC = "embedder"
BUILDER = "zoo_reid.models.build:build"
PERSON = InputSpec(3, 256, 128)
IMAGENET, MSMT17 = "imagenet", "msmt17"
LICENCES = {MOBILENET_V1: "Apache-2.0", MOBILENET_V2: "BSD-3-Clause", OSNET: "Apache-2.0", TIMM: "Apache-2.0"}
"""Of the code; weights may have another."""


@dataclass(frozen=True, slots=True)
class ReidModel:
    """Describe one embedder and where it and its weights come from."""

    name: str
    summary: str
    family: str
    """`mobilenetv1`, `mobilenetv2`, `osnet`, or `timm`."""
    width: float | None = 1.0
    """Factor of the number of channels; absent where `model.alpha` says it."""
    source: str = ""
    """Name in timm; empty for own families, and for the generic model, which `model.backbone` completes."""
    pretrained: tuple[str, ...] = ()
    """Data sets for which weights are published."""
    builder: str = BUILDER
    input: InputSpec = PERSON

    @property
    def licence(self) -> str:
        """Return the licence of the network's code."""
        return LICENCES[self.family] if self.name != GENERIC else "varies"


WIDTHS = {
    MOBILENET_V1: (0.25, 0.5, 0.75, 1.0),
    MOBILENET_V2: (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    OSNET: (0.25, 0.5, 0.75, 1.0),
}
"""Published widths of each family."""
PUBLISHED: dict[str, dict[float, tuple[str, ...]]] = {
    MOBILENET_V1: dict.fromkeys(WIDTHS[MOBILENET_V1], (IMAGENET,)),
    MOBILENET_V2: dict.fromkeys((0.35, 0.5, 1.0, 1.4), (IMAGENET,)),
    OSNET: dict.fromkeys(WIDTHS[OSNET], (IMAGENET, MSMT17)),
}
"""Family -> width -> data sets for which somebody publishes weights."""
_TITLES = {MOBILENET_V1: "MobileNetV1", MOBILENET_V2: "MobileNetV2", OSNET: "OSNet"}
_FROM_TIMM = {
    "resnet18": ("resnet18", "ResNet-18"),
    "resnet34": ("resnet34", "ResNet-34"),
    "resnet50": ("resnet50", "ResNet-50"),
    "efficientnetv2b0": ("tf_efficientnetv2_b0", "EfficientNetV2-B0"),
    "efficientnetv2b1": ("tf_efficientnetv2_b1", "EfficientNetV2-B1"),
    "efficientnetv2b2": ("tf_efficientnetv2_b2", "EfficientNetV2-B2"),
    "efficientnetv2b3": ("tf_efficientnetv2_b3", "EfficientNetV2-B3"),
    "efficientnetv2s": ("tf_efficientnetv2_s", "EfficientNetV2-S"),
}
MODELS = (
    *(
        ReidModel(
            f"{family}_a{round(width * 100):03d}",
            f"Embeddings by {_TITLES[family]} of width {width:g}.",
            family,
            width,
            pretrained=PUBLISHED[family].get(width, ()),
        )
        for family, widths in WIDTHS.items()
        for width in widths
    ),
    *(
        ReidModel(
            family,
            f"Embeddings by {_TITLES[family]} of the width that model.alpha names, 1 when absent.",
            family,
            None,
            pretrained=tuple(dict.fromkeys(name for names in PUBLISHED[family].values() for name in names)),
        )
        for family in WIDTHS
    ),
    *(
        ReidModel(name, f"Embeddings by {title} (timm {source}).", TIMM, source=source, pretrained=(IMAGENET,))
        for name, (source, title) in _FROM_TIMM.items()
    ),
    ReidModel(
        GENERIC, "Embeddings by any feature model of timm, named by model.backbone.", TIMM, pretrained=(IMAGENET,)
    ),
)


def find(name: str) -> ReidModel | None:
    """Return the row of a name, ignoring case and a distribution before it; nothing when there is none."""
    folded = split_qualified(name)[1].casefold()
    return next((row for row in MODELS if row.name == folded), None)
