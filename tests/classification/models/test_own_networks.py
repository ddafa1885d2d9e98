"""Own networks compute what the networks they stand for compute, at any size, and learn with every weight."""

import pytest
import torch
from torch import nn

from zoo_classification.models import mobilenet, mobilenet_v2, st_efficientnet, st_mnist, st_resnet
from zoo_classification.models.pytorchcv_files import scaled
from zoo_classification.models.table import MODELS, find
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.errors import MissingError, UserError
from zoo_core.networks.pairing import in_order, put
from zoo_core.protocols import ModelContext
from zoo_core.training.layers import set_dropout

BUILD = {
    "mobilenet": mobilenet.build,
    "mobilenet_v2": mobilenet_v2.build,
    "st_resnet": st_resnet.build,
    "st_mnist": st_mnist.build,
    "st_efficientnet": st_efficientnet.build,
}
ONE_OF_EACH = (
    "mobilenet_a025_pt",
    "mobilenetb_a025_pt",
    "fdmobilenet_a025_pt",
    "fdmobilenet_a025",
    "st_fdmobilenetv1",
    "mobilenetv2_a025_pt",
    "mobilenetv2_a035_pt",
    "mobilenetv2b_a025_pt",
    "st_resnetpico_actrelu_pt",
    "st_resnettiny_actrelu_pt",
    "st_mnistv1",
    "st_efficientnetlcv1",
)
FROM_PYTORCHCV = [row.name for row in MODELS if row.weights == "pytorchcv" and row.library != "pytorchcv"]
QUICK = (
    "mobilenet_a025_pt",
    "mobilenetb_a025_pt",
    "fdmobilenet_a025_pt",
    "mobilenetv2_a025_pt",
    "mobilenetv2b_a025_pt",
)


def make(name, shape=(3, 64, 64), classes=5, **options):
    context = ModelContext(num_classes=classes, input=InputSpec(*shape), options=options)
    return BUILD[find(name).builder](ModelSection(model_name=name), context)


def unsettle(model):
    """Give batch normalisations statistics and weights unlike those they start with."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
    return model.eval()


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FROM_PYTORCHCV]
)
def test_outputs_are_those_of_pytorchcv_with_the_same_weights(name):
    provider = pytest.importorskip("pytorchcv.model_provider")
    row = find(name)
    theirs = unsettle(provider.get_model(scaled(row.source, row.width)))
    ours = make(name, (3, 224, 224), 1000).eval()
    assert put(ours, in_order(ours, theirs.state_dict(), name), name) == ()
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        wanted, found = theirs(images), ours(images)
    assert torch.allclose(found, wanted, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 96, 64), (3, 384, 384)])
def test_any_size_and_colour_gives_one_number_per_class(name, shape):
    with torch.no_grad():
        assert make(name, shape).eval()(torch.zeros(2, *shape)).shape == (2, 5)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_weight_takes_part_in_learning(name):
    """Where the last normalisation of a block starts at zero, the layers before it learn from the second step on."""
    model = make(name)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
    model(torch.randn(4, 3, 64, 64)).square().sum().backward()
    unused = [key for key, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert unused == []


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_dropout_before_the_classifier_has_the_rate_asked_for(name):
    model = make(name, drop=0.35)
    rates = {part.p for part in model.modules() if isinstance(part, nn.Dropout)} | {getattr(model, "drop_rate", 0.35)}
    assert rates == {0.35}
    assert not torch.equal(*(model.train()(torch.ones(4, 3, 64, 64)) for _ in range(2)))


@pytest.mark.parametrize("name", ["mobilenet_a025_pt", "mobilenetv2b_a025_pt", "st_mnistv1"])
def test_option_the_network_lacks_is_refused(name):
    with pytest.raises(UserError, match=rf"data_augmentation\.drop_path: {name} has no such option"):
        make(name, drop_path=0.1)


def test_stochastic_depth_grows_to_the_rate_asked_for():
    rates = [block.drop_path.drop_prob for block in make("st_efficientnetlcv1", drop_path=0.4).blocks]
    assert rates[0] == 0.0
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.4 * 15 / 16)
    assert any(type(part).__name__ == "DropPath" for part in make("st_resnetpico_actrelu_pt", drop_path=0.2).modules())


@pytest.mark.parametrize("name", ["st_mnistv1", "st_efficientnetlcv1", "st_fdmobilenetv1", "mobilenetv2_a130"])
def test_weights_nobody_publishes_are_refused(name):
    section = ModelSection(model_name=name, pretrained=True)
    with pytest.raises(MissingError, match=f"no weights are published for {name}"):
        BUILD[find(name).builder](section, ModelContext(num_classes=5, input=InputSpec(3, 64, 64)))


def test_compressed_convolution_of_full_rank_is_a_convolution():
    """Three linear factors with nothing between them are one convolution: products of kernels give the same outputs."""
    dense = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)
    factors = st_resnet.TuckerConv2d(dense, 5)
    kernel = torch.einsum(
        "or,rshw,si->oihw", factors[2].weight[:, :, 0, 0], factors[1].weight, factors[0].weight[:, :, 0, 0]
    )
    images = torch.randn(2, 4, 9, 9)
    wanted = nn.functional.conv2d(images, kernel, stride=2, padding=1)
    assert torch.allclose(factors(images), wanted, atol=1e-5)


def test_widening_convolution_stands_behind_the_pooling():
    """The large map behind the first convolution has 32 channels in the small variants, which saves memory."""
    widths = {}
    for size in ("milli", "tiny"):
        model = make(f"st_resnet{size}_actrelu_pt").eval()
        with torch.no_grad():
            widths[size] = model.conv1(torch.zeros(1, 3, 64, 64)).shape[1:]
    assert widths == {"milli": (32, 32, 32), "tiny": (64, 32, 32)}


@pytest.mark.parametrize("name", ["mobilenet_a025_pt", "mobilenetv2_a025_pt", "st_resnetpico_actrelu_pt", "st_mnistv1"])
def test_dropout_of_the_training_section_acts(name):
    """`training.dropout` sets the rate after the network was built without any."""
    model = make(name)
    set_dropout(model, 0.5)
    model.eval()
    for part in model.modules():
        part.training = isinstance(part, nn.Dropout) or part is model
    images = torch.randn(4, 3, 64, 64)
    assert not torch.equal(model(images), model(images))
