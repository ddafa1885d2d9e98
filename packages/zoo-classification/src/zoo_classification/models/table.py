"""Own the table of the networks of image classification by name; data only, nothing heavy is imported.

A name of ST stands here only when the network is the one ST publishes under it: its parameters and its operations
agree with a second source, as the tests show.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean, split_qualified

TIMM, TORCHVISION, PYTORCHCV = "timm_models", "torchvision_models", "pytorchcv_models"
LIBRARIES = {TIMM: "timm", TORCHVISION: "torchvision", PYTORCHCV: "pytorchcv"}
LICENCES = {"timm": "Apache-2.0", "torchvision": "BSD-3-Clause", "pytorchcv": "MIT", "zoo": "Apache-2.0"}
MOBILENET, MOBILENET_V2, RESNET = "mobilenet", "mobilenet_v2", "resnet_cifar"
ST_RESNET, ST_EFFICIENTNET, ST_MNIST = "st_resnet", "st_efficientnet", "st_mnist"
PHOTO, SMALL, CHARACTER = InputSpec(3, 224, 224), InputSpec(3, 32, 32), InputSpec(1, 28, 28)


@dataclass(frozen=True, slots=True)
class ZooModel:
    """Describe one network and where it and its weights come from."""

    name: str
    builder: str
    """Module below `zoo_classification.models` whose `build` makes it."""
    source: str
    """Its name in the library, or in the builder's own table."""
    family: str
    """What readers call it."""
    parameters: int
    """Trainable parameters with `classes` classes and the channels of `input`."""
    macs: float
    """Millions of multiply-accumulate operations of convolutions and matrix products for one image of `input`."""
    weights: str = ""
    """Who publishes weights: `timm`, `torchvision`, `pytorchcv` or `st`; empty when nobody does."""
    aliases: tuple[str, ...] = ()
    width: float = 1.0
    """Factor of the number of channels, for builders that take one."""
    input: InputSpec = PHOTO
    classes: int = 1000

    @property
    def library(self) -> str:
        """Return the library that holds the network, or `zoo`."""
        return LIBRARIES.get(self.builder, "zoo")

    @property
    def licence(self) -> str:
        """Return the licence of the network's code; weights may have another."""
        return LICENCES[self.library]

    @property
    def tags(self) -> frozenset[str]:
        """Return the words that `zoo list models` groups by."""
        return frozenset({self.library, "small"} if self.input.height <= SMALL.height else {self.library})

    @property
    def summary(self) -> str:
        """Return the line of `zoo list models`."""
        million = self.parameters >= 1e5  # noqa: PLR2004 - below, two digits of a million say too little
        size = f"{self.parameters / 1e6:.2f} M" if million else f"{self.parameters / 1e3:.1f} k"
        macs = f"{self.macs:.0f}" if self.macs >= 10 else f"{self.macs:.1f}"  # noqa: PLR2004 - as above
        source = "" if self.library == "zoo" else f" ({self.library} {self.source})"
        return f"{self.family}, {size} parameters, {macs} M MACs{source}."


def find(name: str) -> ZooModel:
    """Return the row of a name or alias, ignoring case and a distribution before it.

    Raises:
        UserError: When there is none.
    """
    folded = split_qualified(name)[1].casefold()
    for row in MODELS:
        if folded == row.name or folded in (alias.casefold() for alias in row.aliases):
            return row
    hint = did_you_mean(name, [row.name for row in MODELS])
    raise UserError(f'No network is called "{name}".', hint=hint or "See: zoo list models")


MODELS = (
    # Own networks: MobileNetV1 and its relatives.
    ZooModel(
        "mobilenet_a025_pt",
        MOBILENET,
        "mobilenet",
        "MobileNetV1 0.25",
        470_072,
        41.03,
        "pytorchcv",
        ("mobilenetv1_a025", "mobilenet_v1_0.25_pt", "mobilenet_v1_0.25_96px_pt"),
        width=0.25,
    ),
    ZooModel(
        "mobilenet_a050_pt",
        MOBILENET,
        "mobilenet",
        "MobileNetV1 0.5",
        1_331_592,
        149,
        "pytorchcv",
        ("mobilenetv1_a050",),
        width=0.5,
    ),
    ZooModel(
        "mobilenet_a075_pt",
        MOBILENET,
        "mobilenet",
        "MobileNetV1 0.75",
        2_585_560,
        325,
        "pytorchcv",
        ("mobilenetv1_a075",),
        width=0.75,
    ),
    ZooModel(
        "mobilenet_a100_pt",
        MOBILENET,
        "mobilenet",
        "MobileNetV1 1.0",
        4_231_976,
        569,
        "pytorchcv",
        ("mobilenetv1_a100", "mobilenet_v1_pt"),
    ),
    ZooModel(
        "mobilenetb_a025_pt", MOBILENET, "mobilenetb", "MobileNetV1b 0.25", 467_592, 41.03, "pytorchcv", width=0.25
    ),
    ZooModel("mobilenetb_a050_pt", MOBILENET, "mobilenetb", "MobileNetV1b 0.5", 1_326_632, 149, "pytorchcv", width=0.5),
    ZooModel(
        "mobilenetb_a075_pt", MOBILENET, "mobilenetb", "MobileNetV1b 0.75", 2_578_120, 325, "pytorchcv", width=0.75
    ),
    ZooModel(
        "fdmobilenet_a025_pt", MOBILENET, "fdmobilenet", "FD-MobileNet 0.25", 383_160, 12.04, "pytorchcv", width=0.25
    ),
    ZooModel(
        "fdmobilenet_a050_pt", MOBILENET, "fdmobilenet", "FD-MobileNet 0.5", 993_928, 40.13, "pytorchcv", width=0.5
    ),
    ZooModel(
        "fdmobilenet_a075_pt", MOBILENET, "fdmobilenet", "FD-MobileNet 0.75", 1_833_304, 84.28, "pytorchcv", width=0.75
    ),
    ZooModel("fdmobilenet_a100_pt", MOBILENET, "fdmobilenet", "FD-MobileNet 1.0", 2_901_288, 144, "pytorchcv"),
    ZooModel(
        "fdmobilenet_a025",
        MOBILENET,
        "fdmobilenet_keras",
        "FD-MobileNet 0.25 of ST's Keras models",
        382_304,
        12.04,
        width=0.25,
    ),
    ZooModel(
        "fdmobilenet_a050",
        MOBILENET,
        "fdmobilenet_keras",
        "FD-MobileNet 0.5 of ST's Keras models",
        992_216,
        40.13,
        width=0.5,
    ),
    ZooModel(
        "fdmobilenet_a075",
        MOBILENET,
        "fdmobilenet_keras",
        "FD-MobileNet 0.75 of ST's Keras models",
        1_830_736,
        84.28,
        width=0.75,
    ),
    ZooModel(
        "fdmobilenet_a100", MOBILENET, "fdmobilenet_keras", "FD-MobileNet 1.0 of ST's Keras models", 2_897_864, 144
    ),
    ZooModel(
        "st_fdmobilenetv1",
        MOBILENET,
        "st_fdmobilenetv1",
        "ST FD-MobileNet v1",
        398_552,
        24.68,
        "",
        ("st_fdmobilenet_v1",),
    ),
    # Own networks: MobileNetV2 in ST's widths.
    ZooModel(
        "mobilenetv2_a025_pt",
        MOBILENET_V2,
        "mobilenetv2",
        "MobileNetV2 0.25",
        1_516_392,
        30.48,
        "pytorchcv",
        width=0.25,
    ),
    ZooModel(
        "mobilenetv2_a075_pt", MOBILENET_V2, "mobilenetv2", "MobileNetV2 0.75", 2_627_592, 187, "pytorchcv", width=0.75
    ),
    ZooModel(
        "mobilenetv2_a035_pt",
        MOBILENET_V2,
        "mobilenet_v2",
        "MobileNetV2 0.35",
        1_677_128,
        59.29,
        "st",
        ("mobilenetv2_w035_pt", "mobilenetv2_a035"),
        width=0.35,
    ),
    ZooModel("mobilenetv2_a130", MOBILENET_V2, "mobilenet_v2", "MobileNetV2 1.3", 5_386_792, 509, width=1.3),
    ZooModel(
        "mobilenetv2b_a025_pt",
        MOBILENET_V2,
        "mobilenetv2b",
        "MobileNetV2b 0.25",
        1_516_312,
        29.68,
        "pytorchcv",
        width=0.25,
    ),
    ZooModel(
        "mobilenetv2b_a050_pt",
        MOBILENET_V2,
        "mobilenetv2b",
        "MobileNetV2b 0.5",
        1_964_448,
        89.06,
        "pytorchcv",
        width=0.5,
    ),
    ZooModel(
        "mobilenetv2b_a075_pt",
        MOBILENET_V2,
        "mobilenetv2b",
        "MobileNetV2b 0.75",
        2_626_968,
        179,
        "pytorchcv",
        width=0.75,
    ),
    ZooModel("mobilenetv2b_a100_pt", MOBILENET_V2, "mobilenetv2b", "MobileNetV2b 1.0", 3_503_872, 301, "pytorchcv"),
    # Own networks: STResNet, ST MNIST and residual networks for small images.
    ZooModel("st_resnetpico_actrelu_pt", ST_RESNET, "pico", "STResNet pico", 627_785, 124, "st", ("st_resnetpico_pt",)),
    ZooModel(
        "st_resnetnano_actrelu_pt", ST_RESNET, "nano", "STResNet nano", 1_021_769, 516, "st", ("st_resnetnano_pt",)
    ),
    ZooModel(
        "st_resnetmicro_actrelu_pt", ST_RESNET, "micro", "STResNet micro", 1_576_841, 749, "st", ("st_resnetmicro_pt",)
    ),
    ZooModel(
        "st_resnetmilli_actrelu_pt", ST_RESNET, "milli", "STResNet milli", 3_139_297, 1068, "st", ("st_resnetmilli_pt",)
    ),
    ZooModel(
        "st_resnettiny_actrelu_pt", ST_RESNET, "tiny", "STResNet tiny", 4_164_065, 1207, "st", ("st_resnettiny_pt",)
    ),
    ZooModel(
        "st_efficientnetlcv1",
        ST_EFFICIENTNET,
        "st_efficientnetlcv1",
        "ST EfficientNet LC v1",
        1_075_536,
        61.16,
        "",
        ("st_efficientnet_lc_v1", "st_efficientnetlc"),
    ),
    ZooModel(
        "st_mnistv1",
        ST_MNIST,
        "st_mnistv1",
        "ST MNIST v1",
        9_892,
        1.08,
        "",
        ("st_mnist_v1", "st_mnist", "stmnist"),
        input=CHARACTER,
        classes=36,
    ),
    ZooModel(
        "resnet8",
        RESNET,
        "8",
        "ResNet-8 for images of 28 to 64 pixels",
        77_946,
        12.5,
        "",
        ("resnet8_pt", "resnet_v1_8"),
        input=SMALL,
        classes=10,
    ),
    ZooModel(
        "resnet20",
        RESNET,
        "20",
        "ResNet-20 for images of 28 to 64 pixels",
        272_378,
        40.81,
        "",
        ("resnet20_pt", "resnet_v1_20"),
        input=SMALL,
        classes=10,
    ),
    ZooModel(
        "resnet32",
        RESNET,
        "32",
        "ResNet-32 for images of 28 to 64 pixels",
        466_810,
        69.12,
        "",
        ("resnet32_pt", "resnet_v1_32"),
        input=SMALL,
        classes=10,
    ),
    # timm.
    ZooModel(
        "mobilenetv2_a050_pt",
        TIMM,
        "mobilenetv2_050",
        "MobileNetV2 0.5",
        1_968_680,
        97.13,
        "timm",
        ("mobilenetv2_a050",),
    ),
    ZooModel("mobilenetv2_a075", TIMM, "mobilenetv2_075", "MobileNetV2 0.75 in multiples of 8", 2_636_424, 209),
    ZooModel(
        "mobilenetv2_a100_pt", TIMM, "mobilenetv2_100", "MobileNetV2 1.0", 3_504_872, 301, "timm", ("mobilenetv2_a100",)
    ),
    ZooModel(
        "mobilenetv2_a140_pt", TIMM, "mobilenetv2_140", "MobileNetV2 1.4", 6_108_776, 582, "timm", ("mobilenetv2_a140",)
    ),
    ZooModel(
        "mobilenetv3small_pt",
        TIMM,
        "mobilenetv3_small_100",
        "MobileNetV3 small",
        2_542_856,
        56.51,
        "timm",
        ("mobilenetv3_small",),
    ),
    ZooModel(
        "mobilenetv3large_pt",
        TIMM,
        "mobilenetv3_large_100",
        "MobileNetV3 large",
        5_483_032,
        217,
        "timm",
        ("mobilenetv3_large",),
    ),
    ZooModel("mobilenetv4small_pt", TIMM, "mobilenetv4_conv_small", "MobileNetV4 small", 3_774_024, 186, "timm"),
    ZooModel("semnasnet100_pt", TIMM, "semnasnet_100", "SE-MnasNet 1.0", 3_887_038, 312, "timm"),
    ZooModel("dla46c_pt", TIMM, "dla46_c", "DLA-46-C", 1_301_400, 574, "timm"),
    ZooModel("dla46xc_pt", TIMM, "dla46x_c", "DLA-46-XC", 1_068_440, 533, "timm"),
    ZooModel("dla60xc_pt", TIMM, "dla60x_c", "DLA-60-XC", 1_319_832, 581, "timm"),
    ZooModel("regnetx002_pt", TIMM, "regnetx_002", "RegNetX-200MF", 2_684_792, 199, "timm"),
    ZooModel("fasternet_t0_pt", TIMM, "fasternet_t0", "FasterNet-T0", 3_905_500, 335, "timm"),
    ZooModel("fasternet_t1_pt", TIMM, "fasternet_t1", "FasterNet-T1", 7_595_368, 851, "timm"),
    ZooModel("fasternet_t2_pt", TIMM, "fasternet_t2", "FasterNet-T2", 14_982_888, 1904, "timm"),
    ZooModel("fasternet_s_pt", TIMM, "fasternet_s", "FasterNet-S", 31_181_032, 4550, "timm"),
    ZooModel("fasternet_m_pt", TIMM, "fasternet_m", "FasterNet-M", 53_521_464, 8722, "timm"),
    ZooModel("fasternet_l_pt", TIMM, "fasternet_l", "FasterNet-L", 93_465_192, 15494, "timm"),
    ZooModel(
        "efficientnetv2b0",
        TIMM,
        "tf_efficientnetv2_b0",
        "EfficientNetV2-B0",
        7_139_704,
        718,
        "timm",
        input=InputSpec(3, 224, 224),
    ),
    ZooModel(
        "efficientnetv2b1",
        TIMM,
        "tf_efficientnetv2_b1",
        "EfficientNetV2-B1",
        8_141_052,
        1197,
        "timm",
        input=InputSpec(3, 240, 240),
    ),
    ZooModel(
        "efficientnetv2b2",
        TIMM,
        "tf_efficientnetv2_b2",
        "EfficientNetV2-B2",
        10_096_086,
        1698,
        "timm",
        input=InputSpec(3, 260, 260),
    ),
    ZooModel(
        "efficientnetv2b3",
        TIMM,
        "tf_efficientnetv2_b3",
        "EfficientNetV2-B3",
        14_358_406,
        3011,
        "timm",
        input=InputSpec(3, 300, 300),
    ),
    ZooModel(
        "efficientnetv2s",
        TIMM,
        "tf_efficientnetv2_s",
        "EfficientNetV2-S",
        21_458_488,
        8366,
        "timm",
        input=InputSpec(3, 384, 384),
    ),
    ZooModel("resnet50v2", TIMM, "resnetv2_50", "ResNet-50 v2", 25_549_352, 4089, "timm"),
    # torchvision.
    ZooModel("mnasnet_d050_pt", TORCHVISION, "mnasnet0_5", "MnasNet 0.5", 2_218_512, 104, "torchvision"),
    ZooModel(
        "shufflenetv2_x050_pt", TORCHVISION, "shufflenet_v2_x0_5", "ShuffleNetV2 x0.5", 1_366_792, 40.48, "torchvision"
    ),
    ZooModel(
        "shufflenetv2_x100_pt", TORCHVISION, "shufflenet_v2_x1_0", "ShuffleNetV2 x1.0", 2_278_604, 145, "torchvision"
    ),
    ZooModel(
        "squeezenetv10_pt",
        TORCHVISION,
        "squeezenet1_0",
        "SqueezeNet 1.0",
        1_248_424,
        819,
        "torchvision",
        ("squeezenetv10",),
    ),
    ZooModel(
        "squeezenetv11_pt",
        TORCHVISION,
        "squeezenet1_1",
        "SqueezeNet 1.1",
        1_235_496,
        349,
        "torchvision",
        ("squeezenetv11",),
    ),
    # pytorchcv, an optional package.
    ZooModel("darknettiny_pt", PYTORCHCV, "darknet_tiny", "DarkNet Tiny", 1_042_104, 492, "pytorchcv"),
    ZooModel("hardnet39ds_pt", PYTORCHCV, "hardnet39ds", "HarDNet-39-DS", 3_488_228, 429, "pytorchcv"),
    ZooModel("peleenet_pt", PYTORCHCV, "peleenet", "PeleeNet", 2_802_248, 508, "pytorchcv"),
    ZooModel("preresnet18_a025_pt", PYTORCHCV, "preresnet18_wd4", "PreResNet-18 x0.25", 3_935_960, 269, "pytorchcv"),
    ZooModel("proxylessnas_pt", PYTORCHCV, "proxylessnas_mobile", "ProxylessNAS mobile", 4_080_512, 320, "pytorchcv"),
    ZooModel("resnet18wd4_pt", PYTORCHCV, "resnet18_wd4", "ResNet-18 x0.25", 3_937_400, 269, "pytorchcv"),
    ZooModel(
        "shufflenetv2b_x050_pt", PYTORCHCV, "shufflenetv2b_wd2", "ShuffleNetV2b x0.5", 1_366_792, 40.48, "pytorchcv"
    ),
    ZooModel("shufflenetv2b_x100_pt", PYTORCHCV, "shufflenetv2b_w1", "ShuffleNetV2b x1.0", 2_279_760, 146, "pytorchcv"),
    ZooModel("sqnxt23_x100_pt", PYTORCHCV, "sqnxt23_w1", "SqueezeNext-23 x1.0", 724_056, 276, "pytorchcv"),
    ZooModel("sqnxt23_x150_pt", PYTORCHCV, "sqnxt23_w3d2", "SqueezeNext-23 x1.5", 1_511_824, 535, "pytorchcv"),
    ZooModel("sqnxt23_x200_pt", PYTORCHCV, "sqnxt23_w2", "SqueezeNext-23 x2.0", 2_583_752, 876, "pytorchcv"),
    ZooModel("sqnxt23v5_x100_pt", PYTORCHCV, "sqnxt23v5_w1", "SqueezeNext-23v5 x1.0", 921_816, 277, "pytorchcv"),
    ZooModel("sqnxt23v5_x150_pt", PYTORCHCV, "sqnxt23v5_w3d2", "SqueezeNext-23v5 x1.5", 1_953_616, 538, "pytorchcv"),
    ZooModel("sqnxt23v5_x200_pt", PYTORCHCV, "sqnxt23v5_w2", "SqueezeNext-23v5 x2.0", 3_366_344, 880, "pytorchcv"),
)
