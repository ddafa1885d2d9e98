"""Options of release 4.0.0 come to the places they have now."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from zoo_core.config.dialects import rewrite
from zoo_core.config.dialects.moves import Moves
from zoo_core.config.dialects.st_400 import LOADER_OPTIONS, LOOP_OPTIONS
from zoo_core.config.dialects.st_400 import rewrite as rewrite_400

OLD = {
    "general": {"seed": 1, "workers": 4, "amp": True},
    "training": {"epochs": 1, "worker_seeding": "part"},
    "data_augmentation": {"scale": [0.1, 1.0], "horizontal_flip": 0.5, "train_interpolation": "random"},
    "preprocessing": {"mean": [0.5], "std": [0.2]},
}
NEW = {
    "general": {"seed": 1},
    "training": {"epochs": 1, "amp": True},
    "dataset": {"workers": 4, "worker_seeding": "part"},
    "data_augmentation": {"crop_range": [0.1, 1.0], "hflip": 0.5, "train_interpolation": "random"},
    "preprocessing": {"normalization": {"mean": [0.5], "std": [0.2]}},
}


def test_every_option_moves_with_a_note_and_remembers_its_key():
    before = copy.deepcopy(OLD)
    data, moves = rewrite(OLD)
    assert data == NEW
    assert before == OLD
    assert len(moves.notes) == 7
    assert "general.workers is read as dataset.workers" in moves.notes
    assert moves.written("dataset.workers") == "general.workers"
    assert moves.written("preprocessing.normalization.mean.0") == "preprocessing.mean.0"
    assert moves.written("training.epochs") == "training.epochs"


@given(st.dictionaries(st.sampled_from([*LOADER_OPTIONS, *LOOP_OPTIONS]), st.integers(), max_size=8))
def test_what_stands_in_the_new_places_stays(options):
    loader = {key: value for key, value in options.items() if key in LOADER_OPTIONS}
    loop = {key: value for key, value in options.items() if key in LOOP_OPTIONS}
    data = {"general": {"seed": 2}, "dataset": loader, "training": loop}
    moves = Moves()
    assert rewrite_400(data, moves) == data
    assert not moves.notes
    old = {"general": {"seed": 2, **options}, "dataset": {}, "training": {}}
    assert rewrite_400(old, moves) == data
    assert len(moves.notes) == len(options)
    assert rewrite_400(rewrite_400(old, moves), moves) == data


def test_the_same_value_in_both_places_is_fine_and_two_values_are_not():
    same, moves = rewrite({"general": {"workers": 2}, "dataset": {"workers": 2}})
    assert same == {"general": {}, "dataset": {"workers": 2}}
    assert not moves.issues
    _, moves = rewrite({"general": {"workers": 2}, "dataset": {"workers": 3}})
    (issue,) = moves.issues
    assert issue.key == "general.workers"
    assert "2" in issue.message
    assert "dataset.workers is 3" in issue.message
    _, moves = rewrite({"general": {"workers": None}, "dataset": {"workers": 3}})
    assert not moves.issues


def test_sections_that_are_no_sections_are_left_to_the_check():
    odd = {"general": 3, "data_augmentation": [1], "preprocessing": {"mean": 1, "normalization": 5}, "dataset": None}
    data, moves = rewrite(odd)
    assert data == odd
    assert not moves.issues
    moved, _ = rewrite({"general": {"workers": 1}, "dataset": 7})
    assert moved == {"general": {"workers": 1}, "dataset": 7}
    filled, _ = rewrite({"general": {"workers": 1}, "dataset": None})
    assert filled["dataset"] == {"workers": 1}


def test_deploy_is_deployment():
    data, moves = rewrite({"operation_mode": "deploy"})
    assert data["operation_mode"] == "deployment"
    assert moves.notes == ["operation_mode deploy is read as deployment"]


def test_download_of_detection_pages_is_the_one_of_classification_pages():
    data, moves = rewrite({"dataset": {"download_data": True}})
    assert data == {"dataset": {"data_download": True}}
    assert moves.written("dataset.data_download") == "dataset.download_data"
