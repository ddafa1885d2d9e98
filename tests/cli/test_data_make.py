"""`zoo data make shapes`: what it writes, what it says, and what it refuses."""

from pathlib import Path

import pytest

from zoo_core.plugins.manager import HEAVY_MODULES
from zoo_core.testing.isolation import run_isolated

SMALL = ["--images", "10", "--size", "64", "--identities", "4"]


def test_data_set_is_written_and_said_to_be(cli, folder):
    answer = cli("data", "make", "shapes", "--output", "shapes", *SMALL)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("Wrote shapes:\n")
    assert "6 train, 2 val, 2 test pictures" in answer.out
    assert "32 train, 8 query, 24 gallery pictures of 4 persons" in answer.out
    names = ("detection", "reid", "pose")
    assert answer.out.endswith("Train on them:\n" + "".join(f"  zoo run shapes/{name}.yaml\n" for name in names))
    assert "Drawing figures" in answer.err
    assert len(list((folder / "shapes/images/train").iterdir())) == 6


def test_json_reports_the_numbers(cli, folder):
    document = cli("data", "make", "shapes", "--output", "shapes", *SMALL, "--seed", "5", "--json").document
    assert document["folder"] == str(folder / "shapes")
    assert document["configs"] == {
        "detection": str(folder / "shapes/detection.yaml"),
        "reid": str(folder / "shapes/reid.yaml"),
        "pose": str(folder / "shapes/pose.yaml"),
    }
    assert document["seed"] == 5
    assert document["images"] == document["pose"] == {"train": 6, "val": 2, "test": 2}
    assert document["reid"] == {"train": 32, "query": 8, "gallery": 24}
    assert document["identities"] == 4
    assert list(document["figures"]) == ["person", "circle", "square", "triangle", "star", "cross"]


@pytest.mark.parametrize("identities", ["4", "6", "40"])
def test_configurations_can_be_run_wherever_one_stands(cli, folder, identities):
    numbers = [*SMALL[:4], "--identities", identities]
    assert cli("data", "make", "shapes", "--output", "shapes", *numbers).code == 0
    for name in ("detection", "reid", "pose"):
        answer = cli("run", f"shapes/{name}.yaml", "--dry-run")
        assert answer.code == 0, answer.err
        assert "4_evaluation" in answer.out


def test_folder_with_something_in_it_is_refused(cli, folder):
    (folder / "mine.txt").write_text("x")
    answer = cli("data", "make", "shapes", "--output", ".", *SMALL)
    assert answer.code == 2
    assert f"{folder} is not empty; it is left as it is." in answer.err
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_every_wrong_number_is_named(cli, folder):
    numbers = ["--images", "1", "--size", "9", "--seed", "-3", "--identities", "1000"]
    answer = cli("data", "make", "shapes", "--output", "new", *numbers)
    assert answer.code == 2
    assert "images is 1, expected a whole number from 10 to 100000" in answer.err
    assert "size is 9, expected a whole number from 64 to 640" in answer.err
    assert "seed is -3" in answer.err
    assert "identities is 1000" in answer.err
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--output"),
        (["--output", "new", "--images", "many"], "--images"),
        (["--output", "new", "--colours", "3"], "--colours"),
        (["--output", "new", "extra"], "extra"),
        (["--output", "file/new"], "Cannot write"),
        (["--output", "file"], "is a file"),
    ],
)
def test_mistake_is_named(cli, folder, arguments, words):
    (folder / "file").write_text("")
    answer = cli("data", "make", "shapes", *arguments, *SMALL[2:])
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not Path("new").exists()


def test_unknown_data_set_suggests_one(cli):
    answer = cli("data", "make", "shape", "--output", "new")
    assert answer.code == 2
    assert "Did you mean shapes?" in answer.err


def test_interruption_leaves_nothing(cli, folder, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo_core.data.shapes.writing.draw_pose", stop)
    assert cli("data", "make", "shapes", "--output", "new", *SMALL).code == 130
    assert not list(folder.iterdir())


def test_group_shows_its_commands(cli):
    answer = cli("data", "make")
    assert answer.code == 0
    assert "shapes  Draw figures with boxes, keypoints and identities." in answer.out
    assert "make     Draw a data set to try things on." in cli("data").out


def test_help_loads_nothing_heavy():
    call = "import sys; from zoo_core.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
    run = run_isolated(call, arguments=["data", "make", "shapes", "--help"])
    assert run.returncode == 0, run.stderr
    assert not run.modules & HEAVY_MODULES
