"""Own the table of ST's model names whose architecture a library holds; data only, nothing is imported.

A name stands here only when the parameter counts agree, so a name whose ST network differs in detail is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """Map a name to the architecture of a library."""

    name: str
    library: Literal["timm", "torchvision"]
    source: str
    """Name of the architecture in the library."""
    parameters: int
    """Trainable parameters with 1000 classes and three input channels."""
    family: str
    weights: bool
    """Whether the library holds ImageNet weights for it."""
    aliases: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Return the line of `zoo list models`."""
        return (
            f"{self.family}, {self.parameters / 1e6:.2f} M parameters for 1000 classes ({self.library} {self.source})."
        )


LIBRARY_MODELS = (
    LibraryModel(
        "mobilenetv2_a035_pt", "timm", "mobilenetv2_035", 1_677_128, "MobileNetV2 0.35", False, ("mobilenetv2_a035",)
    ),
    LibraryModel(
        "mobilenetv2_a050_pt", "timm", "mobilenetv2_050", 1_968_680, "MobileNetV2 0.5", True, ("mobilenetv2_a050",)
    ),
    LibraryModel(
        "mobilenetv2_a100_pt", "timm", "mobilenetv2_100", 3_504_872, "MobileNetV2 1.0", True, ("mobilenetv2_a100",)
    ),
    LibraryModel(
        "mobilenetv2_a140_pt", "timm", "mobilenetv2_140", 6_108_776, "MobileNetV2 1.4", True, ("mobilenetv2_a140",)
    ),
    LibraryModel("mobilenetv2_a075", "timm", "mobilenetv2_075", 2_636_424, "MobileNetV2 0.75", False),
    LibraryModel("mobilenetv4small_pt", "timm", "mobilenetv4_conv_small", 3_774_024, "MobileNetV4 small", True),
    LibraryModel("semnasnet100_pt", "timm", "semnasnet_100", 3_887_038, "SE-MnasNet 1.0", True),
    LibraryModel("dla46c_pt", "timm", "dla46_c", 1_301_400, "DLA-46-C", True),
    LibraryModel("dla46xc_pt", "timm", "dla46x_c", 1_068_440, "DLA-46-XC", True),
    LibraryModel("dla60xc_pt", "timm", "dla60x_c", 1_319_832, "DLA-60-XC", True),
    LibraryModel("regnetx002_pt", "timm", "regnetx_002", 2_684_792, "RegNetX-200MF", True),
    LibraryModel("mnasnet_d050_pt", "torchvision", "mnasnet0_5", 2_218_512, "MnasNet 0.5", True),
    LibraryModel("shufflenetv2_x050_pt", "torchvision", "shufflenet_v2_x0_5", 1_366_792, "ShuffleNetV2 x0.5", True),
    LibraryModel("shufflenetv2_x100_pt", "torchvision", "shufflenet_v2_x1_0", 2_278_604, "ShuffleNetV2 x1.0", True),
    LibraryModel("squeezenetv10_pt", "torchvision", "squeezenet1_0", 1_248_424, "SqueezeNet 1.0", True),
)
"""What each name is compared with: MobileNetV2 with Keras Applications, whose networks ST's `mobilenetv2_a...` names
stand for (0.35 with the rounded count that TensorFlow publishes); RegNetX and SqueezeNet with pytorchcv; the others are
the same network, as ST takes them from timm and torchvision. `mobilenetv2_a025_pt` and `mobilenetv2_a075_pt` are other
networks at ST and wait for them."""
