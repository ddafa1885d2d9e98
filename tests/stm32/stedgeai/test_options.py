"""Own the tests of the arguments that options become."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zoo_core.errors import UserError
from zoo_stm32.boards import load_boards
from zoo_stm32.stedgeai.options import Options, target_of


@pytest.fixture
def neural_art(tmp_path):
    (tmp_path / "mine.mpool").write_text("{}")
    path = tmp_path / "user_neuralart.json"
    profiles = {"profile_O3": {"memory_pool": "./mine.mpool", "options": "-O3"}, "lost": {"memory_pool": "./no.mpool"}}
    path.write_text("// a comment of the vendor\n" + json.dumps({"Globals": {}, "Profiles": profiles}, indent=1))
    return path


def test_every_microcontroller_board_has_a_target_of_its_series():
    targets = {board.name: target_of(board) for board in load_boards() if board.runs_firmware}
    assert len(targets) >= 12
    assert all(target.startswith("stm32") and len(target) > len("stm32") for target in targets.values())
    assert targets["NUCLEO-G474RE"] == "stm32g4"


def test_the_generic_target_and_none_are_refused(h7):
    for target in ("stm32", ""):
        with pytest.raises(UserError, match="has no target"):
            target_of(replace(h7, tool_target=target))


def test_all_options_become_flags(h7, tmp_path):
    pool = tmp_path / "pool.json"
    pool.write_text("{}")
    options = Options(
        optimization="ram",
        input_type="uint8",
        output_type="float32",
        inputs_channel_position="chlast",
        outputs_channel_position="chfirst",
        memory_pool=pool,
        split_weights=True,
        c_api="st-ai",
        extra=("--name", "net"),
    )
    text = " ".join(options.arguments(h7))
    assert text == (
        "--optimization ram --input-data-type uint8 --output-data-type float32 --inputs-ch-position chlast "
        f"--outputs-ch-position chfirst --c-api st-ai --memory-pool {pool} --split-weights --name net"
    )


def test_n6_always_uses_the_npu(n6, h7, neural_art):
    assert Options(optimization="").arguments(h7) == []
    assert Options(optimization="").arguments(n6) == ["--st-neural-art"]
    expected = ["--st-neural-art", f"profile_O3@{neural_art}"]
    apart = Options(optimization="", neural_art_profile="profile_O3", neural_art_file=neural_art)
    joined = Options(optimization="", neural_art_profile=f"profile_O3@{neural_art}")
    assert apart.arguments(n6) == joined.arguments(n6) == expected


@pytest.mark.parametrize(
    ("profile", "says"),
    [("profile_O9", "has no profile 'profile_O9'.*profile_O3"), ("lost", "no.mpool does not exist")],
)
def test_a_profile_that_cannot_work_is_refused(n6, neural_art, profile, says):
    with pytest.raises(UserError) as caught:
        Options(neural_art_profile=profile, neural_art_file=neural_art).arguments(n6)
    assert __import__("re").search(says, str(caught.value).replace("\n", " "))


def test_files_that_are_missing_or_no_json_are_refused(n6, h7, tmp_path):
    with pytest.raises(UserError, match=r"gone\.json does not exist"):
        Options(neural_art_profile="a", neural_art_file=tmp_path / "gone.json").arguments(n6)
    with pytest.raises(UserError, match=r"gone\.mpool does not exist"):
        Options(memory_pool=tmp_path / "gone.mpool").arguments(h7)
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(UserError, match="cannot be read as a neural-art file"):
        Options(neural_art_file=broken).arguments(n6)
    broken.write_text("[]")
    with pytest.raises(UserError, match="no table `Profiles`"):
        Options(neural_art_file=broken).arguments(n6)


def test_a_profile_for_a_board_without_npu_is_refused(h7):
    with pytest.raises(UserError, match="has no Neural-ART NPU"):
        Options(neural_art_profile="default").arguments(h7)
