"""The command line names a file in any of the ways that users of ST's services know."""

from pathlib import Path

import pytest

from zoo_core.cli._source import find_config, split_arguments
from zoo_core.errors import UserError


@pytest.fixture(autouse=True)
def _files(folder: Path) -> None:
    for name in ("user_config.yaml", "other.yaml", "third.yml", "conf/user_config.yaml", "conf/deep.yaml"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("operation_mode: training\n")


@pytest.mark.parametrize(
    ("arguments", "config_path", "config_name", "expected"),
    [
        ([], None, None, "user_config.yaml"),
        (["other.yaml"], None, None, "other.yaml"),
        ([], Path("conf"), None, "conf/user_config.yaml"),
        ([], Path("conf"), "deep", "conf/deep.yaml"),
        ([], Path("conf"), "deep.yaml", "conf/deep.yaml"),
        ([], None, "third", "third.yml"),
    ],
)
def test_file_is_found(arguments: list[str], config_path: Path | None, config_name: str | None, expected: str) -> None:
    assert find_config(arguments, config_path, config_name) == (Path(expected), ())


def test_arguments_after_the_file_are_overrides() -> None:
    arguments = ["other.yaml", "training.epochs=3", "+model.x=1", "~hydra", "++a.b=c=d"]
    assert find_config(arguments, None, None) == (Path("other.yaml"), tuple(arguments[1:]))


def test_overrides_alone_concern_the_default_file() -> None:
    assert find_config(["training.epochs=3"], None, None) == (Path("user_config.yaml"), ("training.epochs=3",))


def test_file_whose_path_holds_an_equals_sign_is_a_file() -> None:
    Path("lr=3").mkdir()
    Path("lr=3/a.yaml").touch()
    assert split_arguments(["lr=3/a.yaml", "a=b"]) == ("lr=3/a.yaml", ("a=b",))


@pytest.mark.parametrize(
    ("arguments", "config_path", "message"),
    [
        (["absent.yaml"], None, "There is no configuration file"),
        (["conf"], None, "is a folder"),
        (["other.yaml"], Path("conf"), "named twice"),
        (["other.yaml", "third.yml"], None, '"third.yml" is not of the form key=value'),
        (["absent/absent.yaml"], None, "There is no folder"),
    ],
)
def test_mistakes_are_named(arguments: list[str], config_path: Path | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_config(arguments, config_path, None)


def test_absent_file_names_its_neighbours_and_the_absolute_path(folder: Path) -> None:
    with pytest.raises(UserError) as raised:
        find_config(["absent.yaml"], None, None)
    assert str(folder / "absent.yaml") in str(raised.value)
    assert raised.value.hint == "YAML files there: other.yaml, third.yml, user_config.yaml"


def test_no_file_at_all_says_how_to_write_one(folder: Path) -> None:
    (folder / "user_config.yaml").unlink()
    with pytest.raises(UserError, match="zoo init"):
        find_config([], None, None)
