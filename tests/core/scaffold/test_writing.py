"""What is written is complete, says the name everywhere, and never takes the place of something else."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from zoo_core import API_VERSION
from zoo_core.errors import UserError
from zoo_core.scaffold.kinds import VARIANTS
from zoo_core.scaffold.naming import PluginName
from zoo_core.scaffold.writing import PLACE, Scaffold, fill, next_commands, place_problems, render

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "packages/zoo-core/src/zoo_core/scaffold/templates"
NAME = PluginName("my-net")
EVERYWHERE = {
    ".gitignore",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "src/zoo_my_net/__init__.py",
    "src/zoo_my_net/plugin.py",
    "src/zoo_my_net/py.typed",
    "tests/test_conformance.py",
}
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.templates)


@each_variant
def test_distribution_is_complete(variant, tmp_path: Path) -> None:
    texts = render(NAME, variant, tmp_path / "new").texts
    assert set(texts) >= EVERYWHERE
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["name"] == "zoo-my-net"
    assert project["entry-points"] == {"zoo": {"my-net": "zoo_my_net.plugin"}}
    assert [line for line in project["optional-dependencies"]["test"] if line.startswith("zoo-core[testing]")]
    assert {name.split(">")[0] for name in project["dependencies"]} == set(variant.requires)


@each_variant
def test_every_text_is_filled_in(variant, tmp_path: Path) -> None:
    texts = render(NAME, variant, tmp_path / "new").texts
    assert {path for path, text in texts.items() if PLACE.search(text)} == set()
    plugin = texts["src/zoo_my_net/plugin.py"]
    assert f"zoo_api = {API_VERSION}" in plugin
    if variant.kind != "target":  # the name of a board comes from its own module
        assert '"my_net"' in plugin
    assert "my_net" in texts["README.md"]
    for path, text in texts.items():
        if path.endswith(".py"):
            assert path.count("/") == 0 or "Own " in text or text.startswith('"""'), path
            ast.parse(text)
        elif path.endswith(".yaml"):
            yaml.safe_load(text)


def test_code_imports_no_zoo_package_that_is_not_required(installed) -> None:
    for plugin in installed.plugins:
        found = set()
        for path in (plugin.folder / "src").rglob("*.py"):
            found |= set(re.findall(r"^(?:from|import) (zoo_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        required = {name.partition("[")[0].replace("-", "_") for name in plugin.variant.requires}
        assert found <= {plugin.name.package, "zoo_core", *required}, plugin.name.plain


def test_licence_is_that_of_the_repository(tmp_path: Path) -> None:
    text = render(NAME, VARIANTS[0], tmp_path / "new").texts["LICENSE"]
    wanted = (ROOT / "LICENSE").read_bytes()
    assert hashlib.sha256(text.encode()).digest() == hashlib.sha256(wanted).digest()


def test_every_file_beside_the_code_is_a_template() -> None:
    assert [path for path in TEMPLATES.rglob("*") if path.is_file() and path.suffix != ".template"] == []


def test_templates_are_found_in_an_archive(tmp_path: Path) -> None:
    """As from a wheel that is imported without being unpacked."""
    import zipfile

    archive = tmp_path / "zoo.zip"
    src = ROOT / "packages/zoo-core/src"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted((src / "zoo_core").rglob("*")):
            if path.suffix in {".py", ".template"}:
                packed.write(path, path.relative_to(src))
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from pathlib import Path\n"
        "from zoo_core.scaffold import writing\n"
        "from zoo_core.scaffold.kinds import VARIANTS\n"
        "from zoo_core.scaffold.naming import PluginName\n"
        "print(writing.__file__)\n"
        "print(*writing.render(PluginName('my-net'), VARIANTS[0], Path('new')).texts)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    place, names = done.stdout.splitlines()
    assert place.startswith(str(archive))
    assert set(names.split()) >= EVERYWHERE


def test_unknown_place_of_a_template_is_no_empty_text() -> None:
    assert fill("a {{b}} c", {"b": "x"}) == "a x c"
    with pytest.raises(KeyError):
        fill("{{absent}}", {"b": "x"})


def test_written_files_are_those_that_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "below" / "zoo-my-net"
    scaffold = render(NAME, VARIANTS[0], folder)
    assert not folder.exists()
    written = scaffold.write()
    assert set(written) == {path for path in folder.rglob("*") if path.is_file()}
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["zoo-my-net"]
    assert oct(folder.stat().st_mode) == oct((tmp_path / "below").stat().st_mode)


def test_folder_that_has_come_to_exist_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "zoo-my-net"
    folder.mkdir()
    with pytest.raises(UserError, match="exists already"):
        Scaffold(folder=folder, texts={"a.txt": "a"}).write()
    assert list(tmp_path.rglob("*")) == [folder]


def test_nothing_is_left_of_a_failed_writing(tmp_path: Path) -> None:
    texts = {"a.txt": "a", "x" * 300: "name that no disk takes"}
    with pytest.raises(UserError, match="zoo-my-net cannot be written: File name too long"):
        Scaffold(folder=tmp_path / "zoo-my-net", texts=texts).write()
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert place_problems(tmp_path / "new" / "deeper") == []
    assert "exists already" in place_problems(tmp_path / "file")[0]
    assert "exists already" in place_problems(tmp_path / "link")[0]
    assert "is a file, not a folder" in place_problems(tmp_path / "file" / "new")[0]


def test_next_commands_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    install, test, run = next_commands(NAME, VARIANTS[0], Path("my plugins/zoo-my-net"))
    assert install == "pip install --editable './my plugins/zoo-my-net[test]'"
    assert test == "pytest 'my plugins/zoo-my-net'"
    assert run == "zoo run 'my plugins/zoo-my-net'/example.yaml"
    absolute = next_commands(NAME, VARIANTS[0], tmp_path / "zoo-my-net")
    assert absolute[0] == f"pip install --editable '{tmp_path}/zoo-my-net[test]'"
