"""Weights of an ST_YOLOD under the names of YOLOX, which ST's networks go back to, find their layers."""

import pytest
import torch

from zoo_core.errors import UserError
from zoo_detection.models.matching import put

NECK = {
    "narrow_32": "lateral_conv0",
    "join_16": "C3_p4",
    "narrow_16": "reduce_conv1",
    "join_8": "C3_p3",
    "shrink_8": "bu_conv2",
    "out_16": "C3_n3",
    "shrink_16": "bu_conv1",
    "out_32": "C3_n4",
}
INSIDE = {"enter": "conv1", "around": "conv2", "mix": "conv3", "bottlenecks": "m"}
HEAD = {
    "class_branches": "cls_convs",
    "box_branches": "reg_convs",
    "classes": "cls_preds",
    "boxes": "reg_preds",
    "objectness": "obj_preds",
}


def in_names_of_yolox(state, *, matching_last):
    """Return a state with other names, the matching convolutions at the beginning or at the end of the neck."""
    named = {}
    for key, value in state.items():
        part, *rest = key.split(".")
        table = {"neck": {**NECK, **INSIDE}, "head": HEAD}.get(part, {})
        other = ".".join([part, *(table.get(word, word) for word in rest)])
        named[other.replace("backbone.maxpool.proj.", "backbone.proj.")] = value
    if not matching_last:
        return named
    matching = [key for key in named if key.startswith("neck.match.")]
    return {**{key: value for key, value in named.items() if key not in matching}, **{k: named[k] for k in matching}}


def outputs(model):
    with torch.no_grad():
        return model.eval()(torch.linspace(0, 1, 3 * 64 * 64).reshape(1, 3, 64, 64))


@pytest.mark.parametrize("matching_last", [False, True])
def test_the_network_computes_the_same(make, matching_last):
    torch.manual_seed(0)
    first = make("st_yolodv2milli_actrelu_pt", (3, 64, 64), classes=5)
    second = make("st_yolodv2milli_actrelu_pt", (3, 64, 64), classes=5)
    report = put(second, in_names_of_yolox(first.state_dict(), matching_last=matching_last), "milli")
    assert not report.fresh
    for one, other in zip(outputs(first), outputs(second), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_layers_of_other_classes_stay_new(make):
    first = make("st_yolodv2pico_actrelu_pt", (3, 64, 64), classes=80)
    second = make("st_yolodv2pico_actrelu_pt", (3, 64, 64), classes=2)
    report = put(second, in_names_of_yolox(first.state_dict(), matching_last=False), "pico")
    assert {name.rpartition(".")[0] for name in report.fresh} == {f"head.classes.{level}" for level in range(3)}
    assert torch.equal(first.head.boxes[0].weight, second.head.boxes[0].weight)


def test_weights_of_another_size_are_refused(make):
    first = make("st_yolodv2milli_actrelu_pt", (3, 64, 64), classes=5)
    second = make("st_yolodv2pico_actrelu_pt", (3, 64, 64), classes=5)
    with pytest.raises(UserError):
        put(second, in_names_of_yolox(first.state_dict(), matching_last=False), "pico")
