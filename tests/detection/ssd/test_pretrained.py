"""Published weights are fetched once, checked, put where they belong, and never replaced by random ones."""

import hashlib
import logging
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.data.download import cached_path
from zoo_core.errors import MissingError
from zoo_core.networks import published
from zoo_core.protocols import ModelContext
from zoo_detection.models import imagenet, pretrained
from zoo_detection.models.pretrained import ST_FILES, load_published, published_weights
from zoo_detection.models.timm_backbone import TimmBackbone

V1, V2, SMALL = "ssdlite_mobilenetv1_pt", "ssdlite_mobilenetv2_pt", "ssdlite_mobilenetv3small_pt"
FILE = f"{V1}_coco_300.pth"


# ---------------------------------------------------------------- networks under the names of ST's files


def separable(wide, out, **keys):
    """Return a 3x3 convolution in two factors."""
    filters = nn.Conv2d(wide, wide, 3, groups=wide, padding=1, **keys)
    return nn.Sequential(filters, nn.ReLU(), nn.Conv2d(wide, out, 1))


def reference_v1(classes):
    """Return SSDLite on MobileNetV1 with the names of ST's files, and a function that computes its outputs."""
    layers = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())]
    wide = 32
    for out, stride in [
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    ]:
        layers.append(
            nn.Sequential(
                nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU(),
                nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            )
        )  # fmt: skip
        wide = out
    extras = [(1024, 256, 512), (512, 128, 256), (256, 128, 256), (256, 128, 256)]
    widths = [512, 1024, 512, 256, 256]
    net = nn.Module()
    net.base_net = nn.Sequential(*layers)
    net.extras = nn.ModuleList(
        nn.Sequential(nn.Conv2d(a, b, 1), nn.ReLU(), separable(b, c, stride=2)) for a, b, c in extras
    )
    for key, numbers in (("classification_headers", 6 * (classes + 1)), ("regression_headers", 24)):
        setattr(net, key, nn.ModuleList([*(separable(a, numbers) for a in widths), nn.Conv2d(256, numbers, 1)]))

    def compute(images):
        maps = [net.base_net[:12](images)]
        maps.append(net.base_net[12:](maps[0]))
        for extra in net.extras:
            maps.append(extra(maps[-1]))
        outputs = []
        for heads, last in ((net.regression_headers, 4), (net.classification_headers, classes + 1)):
            found = [head(one).permute(0, 2, 3, 1) for head, one in zip(heads, maps, strict=True)]
            outputs.append(torch.cat([one.reshape(len(images), -1, last) for one in found], 1))
        return outputs

    return net.eval(), compute


class ReferenceBlock(nn.Module):
    """Compute MobileNetV3's block with the names and the order of ST's files: squeeze-and-excitation first."""

    def __init__(self, row):
        size, wide, inner, out, act, squeeze, stride = row
        super().__init__()
        self.stride, self.act = stride, act
        self.se = None
        if squeeze:
            self.se = nn.Module()
            self.se.se = nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(out, out // 4, 1, bias=False), nn.BatchNorm2d(out // 4), nn.ReLU(),
                nn.Conv2d(out // 4, out, 1, bias=False), nn.BatchNorm2d(out), nn.Hardsigmoid(),
            )  # fmt: skip
        self.conv1, self.bn1 = nn.Conv2d(wide, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, size, stride, size // 2, groups=inner, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride == 1 and wide != out:
            self.shortcut = nn.Sequential(nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))

    def forward(self, maps):
        found = self.act(self.bn2(self.conv2(self.act(self.bn1(self.conv1(maps))))))
        found = self.bn3(self.conv3(found))
        found = found if self.se is None else found * self.se.se(found)
        return found + self.shortcut(maps) if self.stride == 1 else found


def reference_small():
    """Return the features of ST's MobileNetV3 small under the names of its files."""
    swish, relu = nn.functional.hardswish, nn.functional.relu
    rows = [
        (3, 16, 16, 16, relu, True, 2), (3, 16, 72, 24, relu, False, 2), (3, 24, 88, 24, relu, False, 1),
        (5, 24, 96, 40, swish, True, 2), (5, 40, 240, 40, swish, True, 1), (5, 40, 240, 40, swish, True, 1),
        (5, 40, 120, 48, swish, True, 1), (5, 48, 144, 48, swish, True, 1), (5, 48, 288, 96, swish, True, 2),
        (5, 96, 576, 96, swish, True, 1), (5, 96, 576, 96, swish, True, 1),
    ]  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
        *(ReferenceBlock(row) for row in rows),
        nn.Conv2d(96, 576, 1, bias=False), nn.BatchNorm2d(576), nn.Hardswish(),
    ).eval()  # fmt: skip


def shaken(net):
    """Give every statistic and weight of a network numbers of its own."""
    with torch.no_grad():
        for value in net.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    return net


@pytest.fixture
def served(shelf, monkeypatch):
    """Serve ST's file for COCO; return the shelf with the reference in it."""
    monkeypatch.setattr(pretrained, "ST_FOLDER", shelf.address)
    net, shelf.compute = reference_v1(80)
    shelf.net = shaken(net)
    state = OrderedDict(net.state_dict())
    state["priors"] = torch.zeros(3000, 4)  # ST's files hold them
    torch.save(state, shelf.folder / FILE)
    return shelf


# ---------------------------------------------------------------- which there are


def test_addresses_follow_the_scheme_of_st():
    urls = [one.url for name in ST_FILES for one in published_weights(name)]
    assert len(urls) == len(set(urls)) == 30
    root = (
        "https://raw.githubusercontent.com/STMicroelectronics/stm32ai-modelzoo/main/object_detection/torch_checkpoints"
    )
    assert f"{root}/ssdlite_mobilenetv3small_pt_coco_person_300.pth" in urls
    assert f"{root}/st_yolodv2tiny_actrelu_pt_coco_288.pth" in urls


# ---------------------------------------------------------------- ST's checkpoints


def test_weights_of_st_compute_what_they_did_there(served, make, caplog):
    with caplog.at_level(logging.INFO, logger="zoo"):
        model = make(V1, classes=80, pretrained=True, pretrained_dataset="coco")
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        for found, expected in zip(model(images), served.compute(images), strict=True):
            assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert "trained on coco at 300 pixels (licence: SLA0044)" in caplog.text
    assert "(backbone 135, extras 24, heads 44)" in caplog.text


def test_other_classes_leave_the_class_layers_new(served, make, caplog):
    with caplog.at_level(logging.INFO, logger="zoo"):
        model = make(V1, classes=2, pretrained=True, pretrained_dataset="COCO")
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        boxes, scores = model(images)
        assert torch.allclose(boxes, served.compute(images)[0], rtol=1e-4, atol=1e-4)
    assert scores.shape[2] == 3
    assert "12 new, because the classes differ: heads.classes.0.2.weight, heads.classes.0.2.bias" in caplog.text
    assert "heads.classes.5.bias" in caplog.text
    assert "191 of 203 tensors were taken over" in caplog.text
    assert torch.equal(model.heads["classes"][0][0].weight, served.net.classification_headers[0][0].weight)


def test_grey_images_sum_the_first_filters(served, make):
    model = make(V1, classes=80, channels=1, pretrained=True, pretrained_dataset="coco")
    first = model.backbone.fine[0][0].weight
    assert torch.allclose(first, served.net.base_net[0][0].weight.sum(1, keepdim=True), atol=1e-6)


def test_variant_of_mobilenetv3_is_the_one_of_the_files(make, tmp_path, shelf, monkeypatch):
    monkeypatch.setattr(pretrained, "ST_FOLDER", shelf.address)
    features, own = shaken(reference_small()), make(SMALL, classes=20)
    state = {f"base_net.{key}": value for key, value in features.state_dict().items()}
    for theirs, ours in (
        ("extras.", "extras."),
        ("classification_headers.", "heads.classes."),
        ("regression_headers.", "heads.boxes."),
    ):
        state |= {
            theirs + key.removeprefix(ours): value for key, value in own.state_dict().items() if key.startswith(ours)
        }
    torch.save({"state_dict": state}, shelf.folder / f"{SMALL}_voc_300.pth")
    model = make(SMALL, classes=4, pretrained=True, pretrained_dataset="voc")
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        fine, coarse = model.backbone(images)
        assert torch.allclose(fine, features[:11](images), rtol=1e-4, atol=1e-4)
        assert torch.allclose(coarse, features(images), rtol=1e-4, atol=1e-4)


def test_file_is_fetched_once_and_its_hash_recorded(served, make, tmp_path):
    for _ in range(2):
        make(V1, pretrained=True, pretrained_dataset="coco")
    assert [path for path, _ in served.asked] == [f"/{FILE}"]
    path = cached_path(f"{served.address}/{FILE}", tmp_path / "cache")
    recorded = path.with_name(f"{FILE}.sha256").read_text().strip()
    assert recorded == hashlib.sha256(path.read_bytes()).hexdigest()
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(MissingError, match="has changed since it was first used"):
        make(V1, pretrained=True, pretrained_dataset="coco")


def test_interrupted_download_goes_on(served, make):
    served.cut_after = 100_000
    with pytest.raises(MissingError, match="the connection ended after 100000 of") as caught:
        make(V1, pretrained=True, pretrained_dataset="coco")
    assert "model.pretrained: False" in caught.value.hint
    make(V1, pretrained=True, pretrained_dataset="coco")
    assert [span for _, span in served.asked] == [None, "bytes=100000-"]


def test_wrong_files_are_refused_and_not_recorded(served, make, tmp_path):
    (served.folder / FILE).write_bytes(b"<html>not found</html>")
    with pytest.raises(MissingError, match="does not hold the published weights") as caught:
        make(V1, pretrained=True, pretrained_dataset="coco")
    assert "Delete the file to fetch it again" in caught.value.hint
    path = cached_path(f"{served.address}/{FILE}", tmp_path / "cache")
    assert not path.with_name(f"{FILE}.sha256").exists()


def test_weights_of_another_network_are_refused(served, make):
    torch.save(served.net.state_dict(), served.folder / f"{V2}_coco_300.pth")
    with pytest.raises(MissingError, match=r"tensors, and backbone of ssdlite_mobilenetv2_pt has \d+") as caught:
        make(V2, pretrained=True, pretrained_dataset="coco")
    assert "model.model_path" in caught.value.hint
    state = served.net.state_dict()
    with pytest.raises(MissingError, match="other shapes: backbone"):
        make(V1, width_mult=0.5, pretrained=True, pretrained_dataset="coco")
    torch.save(
        {key: value for key, value in state.items() if "extras.2" not in key}, served.folder / f"{V1}_voc_300.pth"
    )
    with pytest.raises(MissingError, match="18 tensors, and extras of"):
        make(V1, pretrained=True, pretrained_dataset="voc")


def test_missing_file_and_missing_server(served, make):
    with pytest.raises(MissingError, match="404") as caught:
        make(V1, pretrained=True, pretrained_dataset="coco_person")
    assert "model.pretrained_model_path" in caught.value.hint
    served.close()
    with pytest.raises(MissingError, match="cannot be downloaded"):
        make(V1, pretrained=True, pretrained_dataset="coco")


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        (V1, {"pretrained_dataset": "lvis"}, "trained on lvis are not available, only coco at 300x300"),
        (V1, {"pretrained_dataset": "coco", "pretrained_input_shape": (3, 192, 192)}, "coco at 192x192 pixels are not"),
        ("ssdlite", {"pretrained_dataset": "coco", "backbone": "resnet10t"}, "only imagenet for the backbone"),
        (SMALL, {"pretrained_dataset": "imagenet"}, "no weights from ImageNet are published for the backbone"),
        (V1, {"pretrained_dataset": "imagenet", "width_mult": 0.5}, "at this width"),
    ],
)
def test_what_is_not_published_is_refused(make, name, keys, message):
    with pytest.raises(MissingError, match=message) as caught:
        make(name, pretrained=True, **keys)
    assert "model.pretrained: False" in caught.value.hint


def test_files_of_the_user_come_first(make, tmp_path):
    path = tmp_path / "own.pth"
    path.write_bytes(b"")
    make(V1, pretrained=True, pretrained_dataset="lvis", model_path=path)
    make(V1, pretrained=True, pretrained_dataset="lvis", pretrained_model_path=path)


# ---------------------------------------------------------------- any detector


class Plain(nn.Module):
    """Stand for a detector whose names are those of ST's files, as ST_YOLOD's are."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        self.head = nn.ModuleList([nn.Conv2d(8, 4, 1), nn.Conv2d(8, classes, 1)])


def test_resolution_nearest_to_the_images_is_taken(shelf, monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "ST_FOLDER", shelf.address)
    name, torch_files = "st_yolodv2milli_actrelu_pt", {}
    for size in (640, 320, 192):
        torch_files[size] = Plain(80)
        torch.save(
            {"start_epoch": 3, "model": torch_files[size].state_dict()}, shelf.folder / f"{name}_coco_{size}.pth"
        )
    for height, asked, expected in ((256, None, 320), (416, None, 320), (192, (3, 640, 640), 640)):
        section = ModelSection(
            model_name=name, pretrained=True, pretrained_dataset="coco", pretrained_input_shape=asked
        )
        context = ModelContext(num_classes=5, input=InputSpec(3, height, height), cache_dir=tmp_path / "cache")
        model = Plain(5)
        load_published(model, name, section, context)
        assert torch.equal(model.head[0].weight, torch_files[expected].head[0].weight)


def test_backbone_of_st_yolod_comes_from_its_classifier(shelf, monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "ST_FOLDER", shelf.address)
    backbone = Plain(1).backbone
    state = dict(backbone.state_dict()) | {"fc.weight": torch.zeros(3, 8), "fc.bias": torch.zeros(3)}
    torch.save({"state_dict": state}, shelf.folder / "st_resnettiny_actrelu_pt_224.pth.tar")
    name, model = "st_yolodv2tiny_actrelu_pt", Plain(5)
    section = ModelSection(model_name=name, pretrained=True)
    context = ModelContext(num_classes=5, input=InputSpec(3, 96, 96), cache_dir=tmp_path / "cache")
    load_published(model, name, section, context)
    assert torch.equal(model.backbone[0].weight, backbone[0].weight)


# ---------------------------------------------------------------- libraries


def test_backbone_from_torchvision(shelf, make, monkeypatch, caplog):
    net = shaken(mobilenet_v2(weights=None)).eval()
    torch.save(net.state_dict(), shelf.folder / "new.pth")
    digest = hashlib.sha256((shelf.folder / "new.pth").read_bytes()).hexdigest()
    (shelf.folder / "new.pth").rename(shelf.folder / f"mobilenet_v2-{digest[:8]}.pth")

    class Weights:
        class DEFAULT:
            url = f"{shelf.address}/mobilenet_v2-{digest[:8]}.pth"

    monkeypatch.setattr(imagenet, "MobileNet_V2_Weights", Weights)
    with caplog.at_level(logging.INFO, logger="zoo"):
        model = make(V2, pretrained=True)
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(model.backbone(images)[1], net.features(images), atol=1e-4)
    assert "260 of 260 tensors were taken over" in caplog.text
    (shelf.folder / "mobilenet_v2-00000000.pth").write_bytes(
        (shelf.folder / f"mobilenet_v2-{digest[:8]}.pth").read_bytes()
    )
    Weights.DEFAULT.url = f"{shelf.address}/mobilenet_v2-00000000.pth"
    with pytest.raises(MissingError, match="does not begin with 00000000"):
        make(V2, pretrained=True, pretrained_dataset="imagenet")


def test_mobilenetv1_takes_the_weights_of_timm(make, monkeypatch):
    import timm

    original = timm.create_model
    net = shaken(original("mobilenetv1_100", pretrained=False)).eval()
    monkeypatch.setattr(imagenet.timm, "create_model", lambda name, pretrained, cache_dir: net)
    monkeypatch.setattr(imagenet, "require_host", lambda address: None)
    model = make(V1, pretrained=True)
    images = torch.rand(1, 3, 64, 64)
    for module in net.modules():
        if isinstance(module, nn.ReLU6):
            module.max_val = float("inf")
    with torch.no_grad():
        assert torch.allclose(model.backbone(images)[1], net.forward_features(images), rtol=1e-3, atol=1e-3)


def test_weights_of_a_timm_backbone_keep_their_names(make, monkeypatch):
    other = TimmBackbone("resnet10t", InputSpec(3, 96, 96))
    monkeypatch.setattr(TimmBackbone, "published_state", lambda self, cache_dir: other.state_dict())
    monkeypatch.setattr(imagenet, "require_host", lambda address: None)
    model = make("ssdlite", backbone="resnet10t", pretrained=True)
    own = model.backbone.state_dict()
    assert all(torch.equal(own[key], value) for key, value in other.state_dict().items())


@pytest.mark.parametrize(("name", "keys"), [(V1, {}), ("ssd", {"backbone": "resnet10t"})])
def test_weights_of_timm_are_not_replaced_by_random_ones(make, name, keys, monkeypatch):
    def refuse(*_):
        msg = "Name or service not known"
        raise OSError(msg)

    monkeypatch.setattr(published.socket, "getaddrinfo", refuse)
    with pytest.raises(MissingError, match=r"could not be fetched from https://huggingface\.co/timm") as caught:
        make(name, pretrained=True, **keys)
    assert "model.pretrained: False" in caught.value.hint
