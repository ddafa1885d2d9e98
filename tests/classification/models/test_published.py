"""Published weights are fetched once, checked, put where they belong, and never replaced by random ones."""

import hashlib
import logging
import zipfile
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from timm.models import adapt_input_conv
from torchvision.models import get_model

from zoo_classification.models import (
    mobilenet,
    mobilenet_v2,
    published,
    pytorchcv_files,
    st_resnet,
    torchvision_models,
)
from zoo_classification.models.published import ST_FILES, ST_FOLDER, published_weights
from zoo_classification.models.table import MODELS, find
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.data.download import cached_path
from zoo_core.errors import MissingError
from zoo_core.protocols import ModelContext

PICO = "st_resnetpico_actrelu_pt"
FILE = "st_resnetpico_actrelu_pt_224.pth.tar"


class Bars:
    """Remember what a progress display is told."""

    def __init__(self):
        self.opened = []

    @contextmanager
    def track(self, description, total):
        self.opened.append((description, total))
        yield self

    def advance(self, steps=1, **_):
        pass


def context(folder, classes=1000, shape=(3, 64, 64), **keys):
    return ModelContext(num_classes=classes, input=InputSpec(*shape), cache_dir=folder / "cache", **keys)


def section(name=PICO, **keys):
    return ModelSection(model_name=name, pretrained=True, **keys)


def unlike_new(model):
    """Return the state of a network after its numbers were changed."""
    return {key: value + torch.rand_like(value) if value.is_floating_point() else value for key, value in model.items()}


@pytest.fixture(scope="module")
def published_state():
    """Return weights under ST's names: the projection is a layer of its own."""
    torch.manual_seed(3)
    model = st_resnet.build(ModelSection(model_name=PICO), ModelContext(num_classes=1000, input=InputSpec(3, 64, 64)))
    return {key.replace("maxpool.proj.", "proj."): value for key, value in unlike_new(model.state_dict()).items()}


@pytest.fixture
def served(shelf, published_state, monkeypatch):
    """Serve ST's file as its trainer writes it: options and a metric stand beside the weights."""
    monkeypatch.setattr(published, "ST_FOLDER", shelf.address)
    content = {
        "epoch": 3,
        "arch": PICO,
        "state_dict": published_state,
        "args": SimpleNamespace(lr=0.1, mean=[0.485], device=torch.device("cpu"), class_map=None),
        "metric": np.float64(47.0),
        "version": 2,
    }
    torch.save(content, shelf.folder / FILE)
    return shelf


def place(shelf, folder, name=FILE):
    return cached_path(f"{shelf.address}/{name}", folder / "cache")


# ---------------------------------------------------------------- ST's checkpoints


def test_addresses_follow_the_scheme_of_st():
    assert ST_FOLDER.startswith("https://raw.githubusercontent.com/STMicroelectronics/stm32ai-modelzoo/main/")
    assert ST_FOLDER.endswith("/image_classification/torch_checkpoints")
    rows = [row for row in MODELS if row.weights == "st"]
    found = {weights.url.rpartition("/")[2] for row in rows for weights in published_weights(row)}
    assert found == set(ST_FILES.values())
    assert {weights.resolution for row in rows for weights in published_weights(row)} == {224}
    assert published_weights(find("mobilenetv2_a035_pt"))[0].url.endswith("/mobilenetv2_w035_pt_224.pt")


def test_weights_of_st_are_loaded_whole(served, published_state, tmp_path, caplog):
    bars = Bars()
    with caplog.at_level(logging.INFO, logger="zoo"):
        model = st_resnet.build(section(), context(tmp_path, progress=bars))
    state = model.state_dict()
    for name, value in published_state.items():
        assert torch.equal(state[name.replace("proj.", "maxpool.proj.")], value), name
    assert "SLA0044" in caplog.text
    assert "imagenet at 224 pixels" in caplog.text
    assert [description for description, _ in bars.opened] == [f"Downloading {FILE}"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_classes_and_channels_keep_the_backbone(served, published_state, tmp_path, channels, caplog):
    with caplog.at_level(logging.INFO, logger="zoo"):
        state = st_resnet.build(section(), context(tmp_path, 5, (channels, 64, 64))).state_dict()
    first = "conv1.0.weight"
    for name, value in published_state.items():
        if name == first:
            assert torch.equal(state[name], adapt_input_conv(channels, value))
        elif not name.startswith("fc."):
            assert torch.equal(state[name.replace("proj.", "maxpool.proj.")], value), name
    assert state["fc.weight"].shape == (5, 512)
    assert "all but the classifier, which is new" in caplog.text


def test_file_is_fetched_once_and_its_hash_recorded(served, tmp_path):
    for _ in range(2):
        st_resnet.build(section(), context(tmp_path))
    assert len(served.asked) == 1
    path = place(served, tmp_path)
    recorded = path.with_name(f"{FILE}.sha256").read_text().strip()
    assert recorded == hashlib.sha256(path.read_bytes()).hexdigest()


def test_file_that_changed_since_the_first_use_is_refused(served, tmp_path):
    st_resnet.build(section(), context(tmp_path))
    path = place(served, tmp_path)
    content = torch.load(path, weights_only=False)
    content["state_dict"]["fc.bias"] += 1
    torch.save(content, path)
    with pytest.raises(MissingError, match="has changed since it was first used") as caught:
        st_resnet.build(section(), context(tmp_path))
    assert "Delete it to fetch it again" in caught.value.hint
    path.with_name(f"{FILE}.sha256").unlink()
    st_resnet.build(section(), context(tmp_path))


def test_offline_message_says_which_file_to_put_where(served, published_state, tmp_path):
    served.close()
    path = place(served, tmp_path)
    with pytest.raises(MissingError) as caught:
        st_resnet.build(section(), context(tmp_path))
    assert f"{served.address}/{FILE}" in caught.value.message
    assert f"put it at {path}" in caught.value.hint
    assert "model.pretrained: False" in caught.value.hint
    path.write_bytes((served.folder / FILE).read_bytes())
    state = st_resnet.build(section(), context(tmp_path)).state_dict()
    assert torch.equal(state["fc.weight"], published_state["fc.weight"])


@pytest.mark.parametrize(
    "content",
    [b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", b"<html>not here</html>", b""],
    ids=["pointer", "page", "empty"],
)
def test_answer_that_is_no_checkpoint_is_refused_and_not_recorded(served, tmp_path, content):
    (served.folder / FILE).write_bytes(content)
    with pytest.raises(MissingError, match="does not hold the published weights") as caught:
        st_resnet.build(section(), context(tmp_path))
    assert "Delete the file" in caught.value.hint
    assert not place(served, tmp_path).with_name(f"{FILE}.sha256").exists()


def test_weights_of_another_network_are_refused(served, tmp_path):
    torch.save(get_model("squeezenet1_1", weights=None).state_dict(), served.folder / FILE)
    with pytest.raises(MissingError, match=r"do not fit st_resnetpico_actrelu_pt: bn1\.bias"):
        st_resnet.build(section(), context(tmp_path))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pretrained_dataset": "food101"}, "trained on food101 are not available, only imagenet at 224x224"),
        ({"pretrained_input_shape": (3, 128, 128)}, "trained on imagenet at 128x128 pixels are not available"),
    ],
)
def test_weights_that_are_not_there_are_refused(served, tmp_path, keys, words):
    with pytest.raises(MissingError, match=words):
        st_resnet.build(section(**keys), context(tmp_path))
    assert served.asked == []


@pytest.mark.parametrize(
    "keys",
    [{"pretrained_dataset": "ImageNet"}, {"pretrained_dataset": "in1k", "pretrained_input_shape": (3, 224, 224)}],
)
def test_weights_are_found_under_every_spelling(served, tmp_path, keys):
    st_resnet.build(section(**keys), context(tmp_path))
    assert served.asked == [f"/{FILE}"]


def test_own_weights_replace_published_ones(served, tmp_path):
    own = tmp_path / "own.pt"
    own.touch()
    st_resnet.build(section(model_path=own), context(tmp_path))
    assert served.asked == []


def test_mobilenetv2_of_st_has_the_names_of_torchvision(shelf, monkeypatch, tmp_path):
    monkeypatch.setattr(published, "ST_FOLDER", shelf.address)
    source = unlike_new(get_model("mobilenet_v2", weights=None, width_mult=0.35).state_dict())
    torch.save(source, shelf.folder / "mobilenetv2_w035_pt_224.pt")
    state = mobilenet_v2.build(section("mobilenetv2_w035_pt"), context(tmp_path)).state_dict()
    assert all(torch.equal(state[name], value) for name, value in source.items())


# ---------------------------------------------------------------- archives of pytorchcv


@pytest.fixture
def archive(shelf, monkeypatch):
    """Serve the weights of MobileNetV1 0.25 in an archive, under other names."""
    torch.manual_seed(5)
    shape = ModelContext(num_classes=1000, input=InputSpec(3, 64, 64))
    own = unlike_new(mobilenet.build(ModelSection(model_name="mobilenet_a025_pt"), shape).state_dict())
    state = {f"layer{number}": value for number, (key, value) in enumerate(own.items()) if "batches" not in key}
    checkpoint = shelf.folder / "checkpoint.pth"
    torch.save(state, checkpoint)
    sha1 = hashlib.sha1(checkpoint.read_bytes()).hexdigest()  # noqa: S324 - as pytorchcv states it
    name = f"mobilenet_wd4-2249-{sha1[:8]}.pth"
    (shelf.folder / "v1").mkdir()
    with zipfile.ZipFile(shelf.folder / "v1" / f"{name}.zip", "w") as packed:
        packed.write(checkpoint, name)
    monkeypatch.setattr(pytorchcv_files, "RELEASES", shelf.address)
    monkeypatch.setitem(pytorchcv_files.FILES, "mobilenet_wd4", ("2249", sha1, "v1"))
    return SimpleNamespace(shelf=shelf, name=f"v1/{name}.zip", state=own)


def test_archive_is_unpacked_checked_and_put_in_order(archive, tmp_path):
    for _ in range(2):
        state = mobilenet.build(section("mobilenet_a025_pt"), context(tmp_path)).state_dict()
        assert all(torch.equal(state[name], value) for name, value in archive.state.items() if "batches" not in name)
    assert archive.shelf.asked == [f"/{archive.name}"]


def test_archive_with_another_checkpoint_is_refused(archive, tmp_path, monkeypatch):
    error, sha1, release = pytorchcv_files.FILES["mobilenet_wd4"]
    other = sha1[:8] + "0" * 32
    monkeypatch.setitem(pytorchcv_files.FILES, "mobilenet_wd4", (error, other, release))
    for _ in range(2):
        with pytest.raises(MissingError, match=f"has the SHA-1 {sha1}, expected {other}"):
            mobilenet.build(section("mobilenet_a025_pt"), context(tmp_path))


def test_damaged_archive_is_refused(archive, tmp_path):
    (archive.shelf.folder / archive.name).write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(MissingError, match="does not hold the published weights"):
        mobilenet.build(section("mobilenet_a025_pt"), context(tmp_path))


def test_weights_of_another_width_are_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setitem(pytorchcv_files.FILES, "mobilenet_wd2", pytorchcv_files.FILES["mobilenet_wd4"])
    monkeypatch.setattr(pytorchcv_files, "scaled", lambda *_: "mobilenet_wd4")
    monkeypatch.setattr(published, "scaled", lambda *_: "mobilenet_wd4")
    with pytest.raises(MissingError, match="do not fit mobilenet_a050_pt"):
        mobilenet.build(section("mobilenet_a050_pt"), context(tmp_path))


# ---------------------------------------------------------------- torchvision


@pytest.fixture
def torchvision_file(shelf, monkeypatch):
    """Serve weights of ShuffleNetV2 under a name that holds the beginning of their hash, as torchvision does."""
    torch.manual_seed(6)
    state = unlike_new(get_model("shufflenet_v2_x0_5", weights=None).state_dict())
    plain = shelf.folder / "plain.pth"
    torch.save(state, plain)
    name = f"shufflenetv2_x0.5-{hashlib.sha256(plain.read_bytes()).hexdigest()[:10]}.pth"
    plain.rename(shelf.folder / name)
    weights = SimpleNamespace(DEFAULT=SimpleNamespace(url=f"{shelf.address}/{name}"))
    monkeypatch.setattr(published, "get_model_weights", lambda _: weights)
    return SimpleNamespace(shelf=shelf, name=name, state=state)


def test_weights_of_torchvision_are_loaded(torchvision_file, tmp_path):
    model = torchvision_models.build(section("shufflenetv2_x050_pt"), context(tmp_path, 5, (1, 64, 64)))
    state = model.state_dict()
    for name, value in torchvision_file.state.items():
        if name == "conv1.0.weight":
            assert torch.equal(state[name], adapt_input_conv(1, value))
        elif not name.startswith("fc."):
            assert torch.equal(state[name], value), name
    assert state["fc.weight"].shape[0] == 5
    assert not list((tmp_path / "cache").rglob("*.sha256"))


def test_file_unlike_the_hash_in_its_name_is_refused(torchvision_file, tmp_path):
    path = torchvision_file.shelf.folder / torchvision_file.name
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(MissingError, match="does not begin with"):
        torchvision_models.build(section("shufflenetv2_x050_pt"), context(tmp_path))


def test_addresses_of_torchvision_hold_the_beginning_of_a_hash():
    for row in MODELS:
        if row.library == "torchvision":
            (weights,) = published_weights(row)
            assert weights.url.startswith("https://")
            assert len(weights.sha256) >= 8
            assert int(weights.sha256, 16) >= 0
