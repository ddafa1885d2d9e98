"""Families are found by the names of ST's users; unknown names say which one was meant."""

import importlib.util
import sys

import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_detection.families import catalogue
from zoo_detection.families.catalogue import FAMILIES, find

INPUT = InputSpec(3, 64, 64)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("st_yolod", "st_yolod"),
        ("ssd", "ssd"),
        ("yolov8", "yolov8"),
        ("yolov8n", "yolov8"),
        ("yolov11n", "yolov8"),
        ("yolov5u", "yolov8"),
        ("YOLOv8n", "yolov8"),
        ("st_yoloxn", "st_yolox"),
        ("yolov2t", "yolov2"),
        ("tiny_yolo_v2", "yolov2"),
    ],
)
def test_names_of_users(name, family):
    assert find(name).name == family


@pytest.mark.parametrize("name", ["yolov8n", "st_yoloxn", "yolov2t"])
def test_families_are_built_by_name(name):
    family = find(name).build(INPUT, 3)
    assert (family.input, family.classes) == (INPUT, 3)
    assert family.name == find(name).name


def test_st_yolo_lc_has_a_finer_grid():
    assert find("st_yololcv1").build(INPUT, 3).describe()["grid_width"] == 4
    assert find("yolov2t").build(INPUT, 3).describe()["grid_width"] == 2


def test_options_reach_the_family_and_absent_ones_do_not():
    assert find("yolov2t").build(INPUT, 3, anchors=(1, 2)).describe()["anchor_sizes"] == [[1, 2]]
    assert len(find("yolov2t").build(INPUT, 3, anchors=None).describe()["anchor_sizes"]) == 5


def test_an_option_of_another_family_is_a_message():
    with pytest.raises(UserError, match="yolov8 have no anchors"):
        find("yolov8n").build(INPUT, 3, anchors=(1, 2))


@pytest.mark.parametrize(
    ("name", "meant"), [("yolov8m_", "yolov8n"), ("st_yolox_n", "st_yoloxn"), ("yolo2t", "yolov2t")]
)
def test_misspelt_names_say_what_was_meant(name, meant):
    with pytest.raises(UserError) as caught:
        find(name)
    assert meant in caught.value.hint.split("?")[0]


def test_a_name_like_no_other_lists_all():
    with pytest.raises(UserError) as caught:
        find("retina_net")
    assert all(name in caught.value.hint for one in FAMILIES for name in one.names)


def test_no_name_means_two_families():
    names = [name for one in FAMILIES for name in one.names]
    assert len(names) == len(set(names))


def test_looking_up_a_family_imports_none(monkeypatch):
    modules = [one.family.module for one in FAMILIES]
    for name in modules:
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location("fresh_catalogue", catalogue.__file__)
    fresh = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fresh_catalogue", fresh)
    spec.loader.exec_module(fresh)
    assert [fresh.find(one.name).name for one in FAMILIES] == [one.name for one in FAMILIES]
    assert not set(modules) & set(sys.modules)
