"""Published weights are fetched once, checked, put where they belong, and never replaced by random ones."""

import hashlib
import logging
import zipfile
from collections import OrderedDict
from dataclasses import replace

import pytest
import timm
import torch
from torchvision.models import MobileNetV2

from zoo_core.data.download import cached_path
from zoo_core.errors import MissingError, UserError
from zoo_core.networks import published
from zoo_core.training.checkpoint import load_into, read_weights
from zoo_core.training.transfer import transfer
from zoo_reid.models import published_files, weights
from zoo_reid.models.embedder import Embedder
from zoo_reid.models.osnet import osnet_features
from zoo_reid.models.published_files import FILES, OSNET_FOLDER
from zoo_reid.models.table import MOBILENET_V1, MOBILENET_V2, OSNET


@pytest.fixture(scope="module")
def authors():
    """Return weights of OSNet 0.25 as its authors publish them: with a layer of 512 numbers and a classifier."""
    torch.manual_seed(7)
    parts, channels = osnet_features(0.25, 3)
    model = Embedder(parts, channels, num_classes=11, embedding_size=512)
    return OrderedDict(
        (name, value + 0.1 * torch.rand_like(value) if value.is_floating_point() else value)
        for name, value in model.state_dict().items()
    )


@pytest.fixture
def serve(shelf, monkeypatch):
    """Return a function that serves a state at the place of a published file."""

    def put(family, width, state, dataset="imagenet", **changes):
        path = shelf.folder / f"{dataset}.pth"
        torch.save(state, path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        files = tuple(
            replace(file, url=f"{shelf.address}/{dataset}.pth", **({"sha256": sha256} | changes))
            for file in FILES[family, width]
            if file.dataset == dataset
        )
        monkeypatch.setitem(published_files.FILES, (family, width), files)
        return shelf

    return put


# ---------------------------------------------------------------- OSNet


def test_addresses_are_those_of_the_authors_at_a_fixed_state():
    assert OSNET_FOLDER.startswith("https://huggingface.co/kaiyangzhou/osnet/resolve/")
    assert len(OSNET_FOLDER.rpartition("/")[2]) == 40
    for width, name in ((0.25, "x0_25"), (0.5, "x0_5"), (0.75, "x0_75"), (1.0, "x1_0")):
        imagenet, msmt17 = FILES[OSNET, width]
        assert imagenet.url == f"{OSNET_FOLDER}/osnet_{name}_imagenet.pth"
        assert len(imagenet.sha256) == 64
        assert msmt17.url.startswith(f"{OSNET_FOLDER}/osnet_{name}_msmt17_combineall_256x128_")


@pytest.mark.parametrize("size", [None, 512, 64])
def test_weights_of_osnet_are_loaded_but_for_other_layers(make, authors, serve, size, caplog):
    state = authors
    shelf = serve(OSNET, 0.25, state)
    with caplog.at_level(logging.INFO, logger="zoo"):
        model = make("osnet_a025", identities=11, pretrained=True, embedding_size=size)
    own = model.state_dict()
    for name, value in state.items():
        if not name.startswith(("fc.", "classifier.")):
            assert torch.equal(own[name], value), name
    if size is not None:
        assert all(
            torch.equal(own[name], state[name]) == (size == 512)
            for name in ("fc.0.weight", "fc.1.weight")
            if own[name].shape == state[name].shape
        )
    assert not torch.equal(own["classifier.bias"], state["classifier.bias"])  # persons are not what it was trained on
    assert ("all but classifier, fc" if size == 64 else "all but classifier") in caplog.text
    assert "licence: MIT" in caplog.text
    assert shelf.asked == ["/imagenet.pth"]


def test_weights_are_loaded_whole_into_an_embedder_without_identities(make, authors, serve):
    state = authors
    serve(OSNET, 0.25, state)
    own = make("osnet", alpha=0.25, identities=0, pretrained=True, embedding_size=512).state_dict()
    assert all(torch.equal(own[name], state[name]) for name in own)


def test_grey_images_take_the_summed_first_convolution(make, authors, serve):
    state = authors
    serve(OSNET, 0.25, state)
    own = make("osnet_a025", channels=1, pretrained=True).state_dict()
    first = "conv1.conv.weight"
    torch.testing.assert_close(own[first], state[first].sum(1, keepdim=True))
    assert torch.equal(own["conv5.conv.weight"], state["conv5.conv.weight"])


def test_weights_of_another_data_set_are_taken_when_asked_for(make, authors, serve):
    state = authors
    serve(OSNET, 0.25, state, "msmt17")
    own = make("osnet_a025", pretrained=True, pretrained_dataset="MSMT17").state_dict()
    assert torch.equal(own["conv5.conv.weight"], state["conv5.conv.weight"])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pretrained_dataset": "market1501"}, "trained on market1501 are not available, only imagenet at 224, msmt17"),
        ({"pretrained_input_shape": (3, 96, 96)}, "trained on imagenet at a height of 96 pixels are not available"),
    ],
)
def test_weights_that_are_not_there_are_refused(make, keys, words):
    with pytest.raises(MissingError, match=words):
        make("osnet_a025", pretrained=True, **keys)


def test_file_unlike_its_hash_is_refused(make, authors, serve):
    serve(OSNET, 0.25, authors, sha256="00ff")
    with pytest.raises(MissingError, match="does not begin with 00ff"):
        make("osnet_a025", pretrained=True)


def test_weights_of_another_network_are_refused(make, authors, serve):
    serve(OSNET, 0.25, {name: value[1:] for name, value in authors.items() if value.ndim})
    with pytest.raises(MissingError, match="do not fit osnet_a025"):
        make("osnet_a025", pretrained=True)


def test_offline_message_says_which_file_to_put_where(make, authors, serve, tmp_path):
    state = authors
    shelf = serve(OSNET, 0.25, state)
    shelf.close()
    path = cached_path(f"{shelf.address}/imagenet.pth", tmp_path / "cache")
    with pytest.raises(MissingError) as caught:
        make("osnet_a025", pretrained=True)
    assert f"put it at {path}" in caught.value.hint
    assert "model.pretrained: False" in caught.value.hint
    path.write_bytes((shelf.folder / "imagenet.pth").read_bytes())
    own = make("osnet_a025", pretrained=True).state_dict()
    assert torch.equal(own["conv1.conv.weight"], state["conv1.conv.weight"])


def test_file_that_holds_objects_is_refused(make, authors, serve):
    shelf = serve(OSNET, 0.25, authors)
    torch.save({"state_dict": authors, "hook": print}, shelf.folder / "imagenet.pth")
    found = hashlib.sha256((shelf.folder / "imagenet.pth").read_bytes()).hexdigest()
    file = replace(FILES[OSNET, 0.25][0], sha256=found)
    published_files.FILES[OSNET, 0.25] = (file,)
    with pytest.raises(MissingError, match="does not hold the published weights"):
        make("osnet_a025", pretrained=True)


# ---------------------------------------------------------------- checkpoints of the authors' tool


@pytest.fixture
def checkpoint(authors, tmp_path):
    """Return a file as the authors' tool writes it after a training on several devices, with another classifier."""
    path = tmp_path / "model.pth.tar-60"
    content = {"state_dict": {f"module.{name}": value for name, value in authors.items()}, "epoch": 60, "rank1": 0.9}
    torch.save(content, path)
    return path, authors


@pytest.mark.parametrize("size", [512, None])
def test_checkpoint_is_transferred_into_osnet(make, checkpoint, size):
    path, state = checkpoint
    model = make("osnet_a025", identities=5, embedding_size=size)
    report = transfer(model, read_weights(path).state_dict, path)
    assert report.fresh == ("classifier.weight", "classifier.bias")
    own = model.state_dict()
    assert all(torch.equal(own[name], state[name]) for name in own if not name.startswith("classifier."))


def test_checkpoint_is_loaded_whole_where_the_identities_are_as_many(make, checkpoint):
    path, state = checkpoint
    model = make("osnet_a025", identities=11, embedding_size=512)
    load_into(model, read_weights(path).state_dict, path)
    assert torch.equal(model.classifier.weight, state["classifier.weight"])
    with pytest.raises(UserError, match="for 11 classes, but the model has 5"):
        load_into(make("osnet_a025", identities=5, embedding_size=512), state, path)


# ---------------------------------------------------------------- MobileNets and timm


def test_mobilenetv1_takes_the_archive_of_pytorchcv(make, shake, shelf, monkeypatch):
    torch.manual_seed(3)
    source = shake(make("mobilenetv1_a025", identities=0)).state_dict()
    given = {f"layer{number}": value for number, (key, value) in enumerate(source.items()) if "batches" not in key}
    torch.save(
        given | {"output.weight": torch.rand(1000, 256), "output.bias": torch.rand(1000)}, shelf.folder / "c.pth"
    )
    sha1 = hashlib.sha1((shelf.folder / "c.pth").read_bytes()).hexdigest()  # noqa: S324 - as pytorchcv states it
    with zipfile.ZipFile(shelf.folder / "net.pth.zip", "w") as packed:
        packed.write(shelf.folder / "c.pth", "net.pth")
    (file,) = FILES[MOBILENET_V1, 0.25]
    changed = replace(file, url=f"{shelf.address}/net.pth.zip", sha1=sha1)
    monkeypatch.setitem(published_files.FILES, (MOBILENET_V1, 0.25), (changed,))
    own = make("mobilenetv1_a025", pretrained=True).state_dict()
    assert all(torch.equal(own[key], value) for key, value in source.items() if "batches" not in key)


def test_smallest_mobilenetv2_takes_the_file_of_st(make, shake, serve):
    source = shake(MobileNetV2(width_mult=0.35)).state_dict()
    serve(MOBILENET_V2, 0.35, source, sha256="")
    own = make("mobilenetv2_a035", pretrained=True).state_dict()
    assert all(torch.equal(own[key], value) for key, value in source.items() if key.startswith("features."))


@pytest.fixture
def library(monkeypatch, shake):
    """Let timm give networks with changed weights where it would fetch them; return those it gave."""
    given = []
    original = timm.create_model

    def create(name, *, pretrained=False, cache_dir=None, **keys):
        network = original(name, **keys)
        if pretrained:
            given.append(shake(network))
        return network

    monkeypatch.setattr(timm, "create_model", create)
    monkeypatch.setattr(weights, "require_host", lambda _: None)
    return given


def test_mobilenetv2_of_timm_computes_the_same_under_our_names(make, library):
    model = make("mobilenetv2_a050", identities=0, pretrained=True).eval()
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), library[0].eval()(images), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("keys", [{"name": "resnet18"}, {"name": "embedder", "backbone": "test_convnext"}])
def test_networks_of_timm_come_with_their_weights(make, library, keys):
    model = make(**keys, identities=0, pretrained=True).eval()
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), library[0].eval()(images))


@pytest.mark.parametrize("keys", [{"name": "mobilenetv2_a050"}, {"name": "embedder", "backbone": "test_convnext"}])
def test_weights_of_timm_are_not_replaced_by_random_ones(make, keys, monkeypatch):
    def refuse(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(published.socket, "getaddrinfo", refuse)
    with pytest.raises(MissingError, match=r"could not be fetched from https://huggingface\.co/timm") as caught:
        make(**keys, pretrained=True)
    assert "cache of huggingface_hub" in caught.value.hint


@pytest.mark.parametrize("name", ["mobilenetv2_a075", "mobilenetv2_a130"])
def test_widths_without_published_weights_say_so(make, name):
    with pytest.raises(MissingError, match=f"no weights are published for {name}"):
        make(name, pretrained=True)


def test_own_file_replaces_published_weights(make, tmp_path):
    own = tmp_path / "own.pt"
    own.touch()
    make("osnet_a025", pretrained=True, model_path=own)
