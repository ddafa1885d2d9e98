"""The model inside `training` of older files comes to the `model` section."""

import pytest

from zoo_core.config.dialects import rewrite
from zoo_core.config.dialects.st_v3 import model_name


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("mobilenet", {"version": "v2", "alpha": 0.35}, "mobilenetv2_a035"),
        ("mobilenet", {"version": "v2", "alpha": 1.0}, "mobilenetv2_a100"),
        ("mobilenet", {"version": "v1", "alpha": "0.25"}, "mobilenetv1_a025"),
        ("mobilenet", {"version": "v1", "alpha": "1/4"}, "mobilenetv1_a025"),
        ("fdmobilenet", {"alpha": 0.75}, "fdmobilenet_a075"),
        ("resnet", {"version": "v1", "depth": 8}, "resnet8"),
        ("resnet", {"version": "v1", "depth": "32"}, "resnet32"),
        ("resnet50", {"version": "v2"}, "resnet50v2"),
        ("squeezenet", {"version": "v1.1"}, "squeezenetv11"),
        ("squeezenet", {"version": "v10"}, "squeezenetv10"),
        ("st_efficientnet_lc", {"version": "v1"}, "st_efficientnetlcv1"),
        ("st_fdmobilenet", {"version": "v1"}, "st_fdmobilenetv1"),
        ("efficientnet", {"version": "v2B1"}, "efficientnetv2b1"),
        ("stmnist", {}, "st_mnistv1"),
        ("custom", {"alpha": 0.5}, "custom"),
        ("mobilenet", {"alpha": "wide"}, "mobilenet"),
        ("my_net", {"version": "v7", "depth": 3}, "my_net"),
    ],
)
def test_names(name, parts, expected):
    assert model_name(name, parts) == expected


def test_the_whole_section_moves():
    data, moves = rewrite(
        {
            "general": {"model_type": "density", "global_seed": 127, "num_threads_tflite": 2},
            "dataset": {"name": "flowers"},
            "training": {
                "epochs": 1,
                "model": {
                    "name": "mobilenet",
                    "version": "v2",
                    "alpha": 0.35,
                    "input_shape": "(224, 192, 3)",
                    "pretrained_weights": "imagenet",
                },
            },
        }
    )
    assert data == {
        "general": {"seed": 127, "num_threads": 2},
        "dataset": {"dataset_name": "flowers"},
        "training": {"epochs": 1},
        "model": {
            "model_name": "mobilenetv2_a035",
            "model_type": "density",
            "input_shape": [3, 224, 192],
            "pretrained": True,
            "pretrained_dataset": "imagenet",
        },
    }
    assert moves.written("model.model_name") == "training.model.name"
    assert moves.written("model.pretrained") == "training.model.pretrained_weights"
    assert any("(224, 192, 3) is read as (channels, height, width) (3, 224, 192)" in note for note in moves.notes)
    assert not moves.issues


def test_arguments_of_ones_own_model_stay_with_it():
    data, _ = rewrite({"training": {"model": {"name": "custom", "alpha": 0.5, "pretrained_model_path": "x.pt"}}})
    assert data["model"] == {"model_name": "custom", "alpha": 0.5, "pretrained_model_path": "x.pt"}


@pytest.mark.parametrize("weights", [None, "None", "none", ""])
def test_no_weights(weights):
    data, _ = rewrite({"training": {"model": {"name": "my_net", "pretrained_weights": weights}}})
    assert data["model"] == {"model_name": "my_net", "pretrained": False}


def test_two_models_are_a_contradiction():
    _, moves = rewrite({"model": {"model_name": "resnet8"}, "training": {"model": {"name": "my_net"}}})
    (issue,) = moves.issues
    assert issue.key == "training.model.name"
    assert "resnet8" in issue.message
    _, moves = rewrite({"model": {"model_path": "a"}, "general": {"model_path": "b"}})
    assert moves.issues[0].key == "general.model_path"
    _, moves = rewrite({"training": {"model": {"name": 3}}})
    assert moves.issues[0].key == "training.model.name"


def test_an_empty_model_section_is_none():
    data, moves = rewrite({"training": {"model": None, "epochs": 1}})
    assert data == {"training": {"epochs": 1}}
    assert not moves.notes
