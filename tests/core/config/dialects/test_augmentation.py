"""Other spellings of augmentation, and the refusal of a function of the user's own."""

from zoo_core.config.dialects import rewrite


def test_documented_keys_of_hsv_are_read():
    keys = {"delta_hue": 0.1, "delta_saturation": [0, 0.2], "value_delta": 0.3}
    data, moves = rewrite({"data_augmentation": {"random_hsv": dict(keys)}})
    assert data["data_augmentation"]["random_hsv"] == {
        "hue_delta": 0.1,
        "saturation_delta": [0, 0.2],
        "value_delta": 0.3,
    }
    assert moves.written("data_augmentation.random_hsv.hue_delta") == "data_augmentation.random_hsv.delta_hue"
    assert not moves.issues


def test_both_spellings_with_different_values_contradict_each_other():
    _, moves = rewrite({"data_augmentation": {"random_hsv": {"delta_hue": 0.1, "hue_delta": 0.2}}})
    assert [issue.key for issue in moves.issues] == ["data_augmentation.random_hsv.delta_hue"]


def test_function_of_the_users_own_is_refused_with_the_way_of_a_plugin():
    data, moves = rewrite({"custom_data_augmentation": {"function_name": "mine", "config": {"a": 1}}})
    assert "custom_data_augmentation" not in data
    (issue,) = moves.issues
    assert issue.key == "custom_data_augmentation"
    assert "not executed" in issue.message
    assert "plugin" in issue.hint
    assert "docs/plugins/writing.md" in issue.hint


def test_empty_section_for_it_is_no_mistake():
    for nothing in (None, "", "None"):
        data, moves = rewrite({"custom_data_augmentation": nothing, "data_augmentation": None})
        assert data == {"data_augmentation": None}
        assert not moves.issues
