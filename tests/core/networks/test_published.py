"""Published weights are asked for in one spelling, and a failure to fetch them becomes one message."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from zoo_core.errors import MissingError
from zoo_core.networks import published
from zoo_core.networks.pairing import in_order, put
from zoo_core.networks.published import dataset_name, fetching, is_cached, require_host, wants_pretrained


def section(**keys):
    usual = {"pretrained": True, "pretrained_dataset": None} | dict.fromkeys(
        ("model_path", "model_url", "pretrained_model_path")
    )
    return SimpleNamespace(**(usual | keys))


@pytest.mark.parametrize(
    ("asked", "found"),
    [(None, "imagenet"), ("ImageNet-1k", "imagenet"), ("in21k", "imagenet21k"), ("MSMT17", "msmt17")],
)
def test_data_sets_have_one_spelling(asked, found):
    assert dataset_name(section(pretrained_dataset=asked)) == found


def test_own_files_replace_published_weights():
    assert wants_pretrained(section())
    assert not wants_pretrained(section(pretrained=False))
    for key in ("model_path", "model_url", "pretrained_model_path"):
        assert not wants_pretrained(section(**{key: "own.pt"}))


def test_failure_is_told_once_with_every_way_out():
    with pytest.raises(MissingError) as caught, fetching("net", "https://here", "Do it by hand."):
        raise OSError("no route\nand a long story")
    assert caught.value.message == (
        "model.pretrained: the weights of net could not be fetched from https://here (no route)."
    )
    assert caught.value.hint.startswith("Do it by hand.\n")
    assert "model.pretrained: False" in caught.value.hint


def test_unknown_host_fails_at_once_unless_a_proxy_stands_between(monkeypatch):
    def refuse(*_):
        raise OSError("unknown")

    monkeypatch.setattr(published.socket, "getaddrinfo", refuse)
    monkeypatch.setattr(published, "getproxies", dict)
    with pytest.raises(OSError, match="unknown"):
        require_host("https://here/file")
    monkeypatch.setattr(published, "getproxies", lambda: {"https": "http://proxy"})
    require_host("https://here/file")


def test_cache_of_the_hub_is_looked_into(tmp_path):
    assert is_cached(None, tmp_path)
    assert not is_cached("somebody/net", tmp_path)
    folder = tmp_path / "models--somebody--net"
    (folder / "snapshots/abc").mkdir(parents=True)
    (folder / "snapshots/abc/model.safetensors").touch()
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("abc")
    assert is_cached("somebody/net", tmp_path)


def test_weights_are_put_by_name_and_only_what_may_differ_stays_new():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))
    given = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 7)).state_dict()
    fresh = put(model, given, "net", lambda key: key.startswith("3."))
    assert fresh == ("3.weight", "3.bias")
    torch.testing.assert_close(model[0].weight, given["0.weight"].sum(1, keepdim=True))
    with pytest.raises(MissingError, match=r"do not fit net: 3\.bias, 3\.weight"):
        put(model, given, "net", lambda _: False)


def test_weights_of_another_library_are_paired_in_order():
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))
    given = {f"layer{number}": value + 1 for number, value in enumerate(list(model.state_dict().values())[:-1])}
    paired = in_order(model, given, "net")
    assert list(paired) == [key for key in model.state_dict() if "batches" not in key]
    assert torch.equal(paired["1.running_var"], given["layer5"])
    with pytest.raises(MissingError, match="have 5 tensors, and net has 6"):
        in_order(model, dict(list(given.items())[1:]), "net")
