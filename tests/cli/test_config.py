"""`zoo config` tells every mistake of a file, shows what it comes to, and gives editors a schema."""

from pathlib import Path

import pytest

GOOD = """\
operation_mode: training
use_case: counting
model:
  model_name: counter_net
dataset:
  training_path: .
training:
  epochs: 2 * 3
  batch_size: 8
"""
BAD = """\
operation_mode: training
model:
  model_name: counter_nett
dataset:
  training_path: ./nowhere
training:
  epochs: ten
  batch_sise: 8
"""


@pytest.fixture
def good(folder: Path, use_catalog) -> Path:
    use_catalog(_catalog())
    Path("user_config.yaml").write_text(GOOD)
    return folder


@pytest.fixture
def bad(folder: Path, use_catalog) -> Path:
    use_catalog(_catalog())
    Path("user_config.yaml").write_text(BAD)
    return folder


def _catalog():
    from zoo_core.lazy import LazyRef
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.specs import DatasetSpec, ModelSpec, QuantizerSpec, TaskSpec, TrainerSpec

    sections = "zoo_core.config.sections"
    absent = LazyRef("zoo_absent.code:build")
    return Catalog.of(
        TaskSpec(name="counting", summary="Count.", build=absent, default_dataset="beans"),
        ModelSpec(
            name="counter_net",
            task="counting",
            summary="Net.",
            build=absent,
            config=LazyRef(f"{sections}:ModelSection"),
        ),
        DatasetSpec(
            name="beans",
            task="counting",
            summary="Beans.",
            build=absent,
            config=LazyRef(f"{sections}:DatasetSection"),
        ),
        TrainerSpec(name="lightning", summary="Trainer.", build=absent),
        QuantizerSpec(
            name="onnx_quantizer",
            summary="Quantizer.",
            build=absent,
            config=LazyRef(f"{sections}:QuantizationSection"),
        ),
    )


def test_check_of_a_correct_file_says_what_it_means(cli, good: Path) -> None:
    answer = cli("config", "check")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "user_config.yaml is correct."
    assert [line.split()[-1] for line in lines[2:]] == ["counting", "training", "training", "counter_net", "beans"]


def test_check_json_has_stable_keys(cli, good: Path) -> None:
    document = cli("config", "check", "--json").document
    assert document == {
        "schema_version": 1,
        "valid": True,
        "file": str(good / "user_config.yaml"),
        "use_case": "counting",
        "operation_mode": "training",
        "services": ["training"],
        "model": "counter_net",
        "dataset": "beans",
        "notes": [],
        "warnings": [],
    }


def test_check_takes_overrides(cli, good: Path) -> None:
    assert cli("config", "check", "training.epochs=4").code == 0
    answer = cli("config", "check", "training.epochs=never")
    assert answer.code == 2
    assert "  training.epochs  command line\n" in answer.err


def test_check_shows_every_mistake_with_its_line_and_creates_nothing(cli, bad: Path) -> None:
    answer = cli("config", "check")
    assert answer.code == 2
    assert answer.out == ""
    for place in (
        "model.model_name  user_config.yaml:3",
        "dataset.training_path  user_config.yaml:5",
        "training.epochs  user_config.yaml:7",
        "training.batch_sise  user_config.yaml:8",
    ):
        assert f"\n  {place}\n" in answer.err
    assert "Did you mean counter_net" in answer.err
    assert "Did you mean batch_size" in answer.err
    assert str(bad / "nowhere") in answer.err
    assert [path.name for path in bad.iterdir()] == ["user_config.yaml"]


def test_check_json_of_a_wrong_file_lists_the_issues(cli, bad: Path) -> None:
    error = cli("config", "check", "--json").document["error"]
    assert error["type"] == "ConfigError"
    assert {"training.epochs", "model.model_name"} <= {issue["key"] for issue in error["issues"]}


def test_run_refuses_a_wrong_file_the_same_way(cli, bad: Path) -> None:
    assert cli("run").err == cli("config", "check").err


def test_show_tells_value_and_origin(cli, good: Path) -> None:
    answer = cli("config", "show", "training.batch_size=16")
    assert answer.code == 0, answer.err
    training = answer.out.partition("\ntraining:\n")[2]
    lines = {line.split(":")[0].strip(): line for line in reversed(training.splitlines())}
    assert lines["epochs"].split()[1] == "6"
    assert "user_config.yaml:8" in lines["epochs"]
    assert lines["batch_size"].split()[1] == "16"
    assert "command line" in lines["batch_size"]
    assert "default" in lines["grad_accum_steps"]


def test_show_json_holds_the_whole_configuration(cli, good: Path) -> None:
    document = cli("config", "show", "--json").document
    assert set(document) == {"schema_version", "file", "config"}
    assert document["config"]["training"]["epochs"] == 6
    assert document["config"]["general"]["seed"] == 42


@pytest.mark.usefixtures("good")
def test_schema_describes_the_keys_of_the_use_case(cli) -> None:
    answer = cli("config", "schema", "counting")
    assert answer.code == 0, answer.err
    schema = answer.document
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"operation_mode", "model", "training"} <= set(schema["properties"])


@pytest.mark.usefixtures("good")
def test_schema_of_an_unknown_use_case_suggests_one(cli) -> None:
    answer = cli("config", "schema", "countin")
    assert answer.code == 2
    assert "Did you mean counting" in answer.err
