"""Every network of the table has the parameters and the operations that a second source states for it."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights

from zoo_classification.models.table import MODELS, find
from zoo_classification.plugin import zoo_models
from zoo_core.config.sections import ModelSection
from zoo_core.protocols import ModelContext

SPECS = {spec.name: spec for spec in zoo_models()}
ROWS = {row.name: row for row in MODELS}

KERAS_NUMBERS = {
    "mobilenet_a025_pt": 475_544,
    "mobilenet_a050_pt": 1_342_536,
    "mobilenet_a075_pt": 2_601_976,
    "mobilenet_a100_pt": 4_253_864,
    "mobilenetv2_a050_pt": 1_987_224,
    "mobilenetv2_a075": 2_663_064,
    "mobilenetv2_a100_pt": 3_538_984,
    "mobilenetv2_a140_pt": 6_156_712,
}
"""All numbers of Keras Applications' networks, batch statistics included."""

PYTORCHCV = {
    "mobilenet_a025_pt": (470_072, 44.09),
    "mobilenet_a050_pt": (1_331_592, 155.42),
    "mobilenet_a075_pt": (2_585_560, 333.99),
    "mobilenet_a100_pt": (4_231_976, 579.80),
    "fdmobilenet_a025_pt": (383_160, 12.95),
    "fdmobilenet_a050_pt": (993_928, 41.84),
    "fdmobilenet_a075_pt": (1_833_304, 86.68),
    "fdmobilenet_a100_pt": (2_901_288, 147.46),
    "mobilenetv2_a025_pt": (1_516_392, 34.24),
    "mobilenetv2_a075_pt": (2_627_592, 198.50),
    "darknettiny_pt": (1_042_104, 500.85),
    "peleenet_pt": (2_802_248, 514.87),
    "squeezenetv10_pt": (1_248_424, 823.67),
    "squeezenetv11_pt": (1_235_496, 352.02),
    "sqnxt23_x100_pt": (724_056, 287.28),
    "sqnxt23v5_x100_pt": (921_816, 285.82),
    "shufflenetv2_x050_pt": (1_366_792, 43.31),
    "shufflenetv2_x100_pt": (2_278_604, 149.72),
    "shufflenetv2b_x050_pt": (1_366_792, 43.31),
    "shufflenetv2b_x100_pt": (2_279_760, 150.62),
}
"""Parameters and half the FLOPs, in millions, in the README of pytorchcv, which counts normalisation and ReLU too."""

TIMM = {
    "mobilenetv2_a050_pt": (1.97, 0.10),
    "mobilenetv2_a075": (2.64, 0.22),
    "mobilenetv2_a100_pt": (3.50, 0.31),
    "mobilenetv2_a140_pt": (6.11, 0.60),
    "mobilenetv3small_pt": (2.54, 0.06),
    "mobilenetv3large_pt": (5.48, 0.23),
    "mobilenetv4small_pt": (3.77, 0.19),
    "semnasnet100_pt": (3.89, 0.32),
    "dla46c_pt": (1.30, 0.58),
    "dla46xc_pt": (1.07, 0.54),
    "dla60xc_pt": (1.32, 0.59),
    "regnetx002_pt": (2.68, 0.20),
    "fasternet_t0_pt": (3.91, 0.34),
    "fasternet_t1_pt": (7.60, 0.85),
    "fasternet_t2_pt": (14.98, 1.91),
    "fasternet_s_pt": (31.18, 4.56),
    "fasternet_m_pt": (53.52, 8.74),
    "fasternet_l_pt": (93.47, 15.52),
    "efficientnetv2b0": (7.14, 0.73),
    "efficientnetv2b1": (8.14, 1.21),
    "efficientnetv2b2": (10.10, 1.72),
    "efficientnetv2b3": (14.36, 3.04),
    "efficientnetv2s": (21.46, 8.44),
    "resnet50v2": (25.55, 4.11),
}
"""Million parameters and GMACs at the network's input in timm's own benchmark tables, which round to two digits."""

PAPERS = {
    "mobilenetv2_a035_pt": (1.66, 59),
    "mobilenetv2_a130": (5.34, 509),
    "mobilenetv2_a140_pt": (6.06, 582),
    "resnet8": (0.078, 12.5),
    "resnet20": (0.272474, 41.29),
    "resnet32": (0.464, 69),
    "proxylessnas_pt": (4.08, 320),
    "mobilenetv2b_a100_pt": (3.47, 300),
}
"""Million parameters and MACs: TensorFlow's table of MobileNetV2, MLPerf Tiny, pytorchcv for CIFAR, and the papers."""

FLASH_OF_MICROCONTROLLERS = {
    "mobilenet_a025_pt": (1000, 467.33),
    "mobilenet_a050_pt": (1000, 1314.0),
    "mobilenet_a100_pt": (1000, 4157.09),
    "mobilenetv2_a100_pt": (1000, 3458.97),
    "mobilenetv2_a140_pt": (1000, 6015.34),
    "fdmobilenet_a025": (5, 128.32),
    "st_fdmobilenetv1": (5, 144.93),
    "st_efficientnetlcv1": (5, 505.29),
    "st_mnistv1": (36, 10.08),
    "resnet32": (100, 464.38),
}
"""Classes, and KiB of weights of the 8-bit model that ST prints for its Cortex-M boards."""

FLASH_OF_NPU = {
    "st_resnetpico_actrelu_pt": 607.27,
    "st_resnetnano_actrelu_pt": 992.04,
    "st_resnetmicro_actrelu_pt": 1534.12,
    "st_resnetmilli_actrelu_pt": 3059.81,
    "st_resnettiny_actrelu_pt": 4060.57,
}
"""KiB of weights that ST prints for its NPU; beside the weights it holds about one byte for every bias."""

FLASH_ABOUT = {
    "mobilenetb_a025_pt": 469.3,
    "mobilenetb_a075_pt": 2602.29,
    "hardnet39ds_pt": 3516.67,
    "preresnet18_a025_pt": 3843.64,
    "resnet18wd4_pt": 3843.64,
    "mobilenetv2b_a025_pt": 1522.25,
    "mobilenetv2b_a050_pt": 1965.86,
    "mobilenetv2b_a075_pt": 2737.02,
    "mnasnet_d050_pt": 2319.53,
    "sqnxt23_x150_pt": 1453.99,
    "sqnxt23_x200_pt": 2493.33,
    "sqnxt23v5_x150_pt": 1879.24,
    "sqnxt23v5_x200_pt": 3249.45,
}
"""KiB of weights that ST prints for its NPU, whose compiler pads and shares; the size is right within 7 %."""

DERIVED = ("mobilenetb_a050_pt", "fdmobilenet_a050", "fdmobilenet_a075", "fdmobilenet_a100")
"""Compared below with the same network of another width or with other depthwise layers."""


def build(name, classes=None, device="meta"):
    """Build a network with the classes of its row, on no memory unless a device is named."""
    row = find(name)
    context = ModelContext(num_classes=classes or row.classes, input=row.input)
    if row.library == "pytorchcv":
        pytest.importorskip("pytorchcv")
    with torch.device(device):
        return SPECS[row.name].build.load()(ModelSection(model_name=name), context).eval()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def macs(model, shape):
    """Count the operations of convolutions and matrix products for one image, in millions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        model(torch.empty(1, *shape))
    return counter.get_total_flops() / 2e6


def weights_and_biases(model):
    """Return the numbers of weights and of biases once batch normalisations are folded into convolutions."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    biases = sum(layer.bias.numel() for layer in layers if layer.bias is not None)
    folded = sum(layer.num_features for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
    return sum(layer.weight.numel() for layer in layers), biases + folded


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_table_states_the_size(row):
    model = build(row.name)
    assert count(model) == row.parameters
    assert macs(model, row.input.shape) == pytest.approx(row.macs, abs=0.5 if row.macs >= 100 else 0.005)


def test_every_network_is_compared_with_a_second_source():
    sources = (KERAS_NUMBERS, PYTORCHCV, TIMM, PAPERS, FLASH_OF_MICROCONTROLLERS, FLASH_OF_NPU, FLASH_ABOUT, DERIVED)
    compared = {name for source in sources for name in source}
    compared |= {row.name for row in MODELS if row.library == "torchvision"}
    assert set(ROWS) == compared


@pytest.mark.parametrize("name", KERAS_NUMBERS)
def test_parameters_are_those_of_keras(name):
    model = build(name)
    statistics = sum(buffer.numel() for key, buffer in model.named_buffers() if "running" in key)
    assert count(model) + statistics == KERAS_NUMBERS[name]


@pytest.mark.parametrize("name", PYTORCHCV)
def test_size_is_that_of_pytorchcv(name):
    parameters, operations = PYTORCHCV[name]
    assert ROWS[name].parameters == parameters
    assert operations * 0.88 < ROWS[name].macs < operations


@pytest.mark.parametrize("name", TIMM)
def test_size_is_that_of_the_tables_of_timm(name):
    parameters, operations = TIMM[name]
    assert ROWS[name].parameters / 1e6 == pytest.approx(parameters, abs=0.006)
    assert operations - 0.005 - 0.08 * operations < ROWS[name].macs / 1e3 < operations + 0.005


@pytest.mark.parametrize("name", [row.name for row in MODELS if row.library == "torchvision"])
def test_size_is_that_of_the_weights_of_torchvision(name):
    published = get_model_weights(ROWS[name].source).DEFAULT.meta
    assert ROWS[name].parameters == published["num_params"]
    assert ROWS[name].macs / 1e3 == pytest.approx(published["_ops"], abs=0.001)


@pytest.mark.parametrize("name", PAPERS)
def test_size_is_that_of_the_paper(name):
    parameters, operations = PAPERS[name]
    assert ROWS[name].parameters / 1e6 == pytest.approx(parameters, rel=0.012)
    assert ROWS[name].macs == pytest.approx(operations, rel=0.015)


@pytest.mark.parametrize("name", FLASH_OF_MICROCONTROLLERS)
def test_flash_is_what_st_prints_for_microcontrollers(name):
    """One byte a weight and four bytes a bias, to the hundredth of a KiB."""
    classes, published = FLASH_OF_MICROCONTROLLERS[name]
    weights, biases = weights_and_biases(build(name, classes))
    assert (weights + 4 * biases) / 1024 == pytest.approx(published, abs=0.011)


@pytest.mark.parametrize("name", FLASH_OF_NPU)
def test_flash_is_what_st_prints_for_the_npu(name):
    weights, _ = weights_and_biases(build(name))
    assert 4.3 < FLASH_OF_NPU[name] - weights / 1024 < 4.7


@pytest.mark.parametrize("name", FLASH_ABOUT)
def test_flash_is_about_what_st_prints(name):
    weights, biases = weights_and_biases(build(name))
    assert (weights + 4 * biases) / 1024 == pytest.approx(FLASH_ABOUT[name], rel=0.07)


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("mobilenetb_a050_pt", "mobilenet_a050_pt"),
        ("fdmobilenet_a050", "fdmobilenet_a050_pt"),
        ("fdmobilenet_a075", "fdmobilenet_a075_pt"),
        ("fdmobilenet_a100", "fdmobilenet_a100_pt"),
    ],
)
def test_depthwise_layers_without_normalisation_save_its_numbers(name, normalised):
    """Scale and shift of every depthwise channel are gone; ST's Keras networks have a bias in their place."""
    widths = sum(
        layer.num_features
        for block in build(normalised).blocks
        for layer in [block[1]]
        if isinstance(layer, nn.BatchNorm2d)
    )
    saved = 2 * widths if name.startswith("mobilenetb") else widths
    assert ROWS[normalised].parameters - ROWS[name].parameters == saved
    assert ROWS[normalised].macs == ROWS[name].macs


def test_milli_does_most_of_the_operations_of_its_detector():
    """The backbone is about 92 % of the 853 million operations of ST_YOLOD milli at 192 pixels."""
    model = build("st_resnetmilli_actrelu_pt")
    assert macs(model, (3, 192, 192)) == pytest.approx(0.92 * 853, rel=0.01)
