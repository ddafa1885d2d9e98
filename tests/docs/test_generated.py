"""The generated parts of the pages equal what the code says now."""

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from zoo_core import errors
from zoo_core.config.sections import SECTION_TYPES
from zoo_core.hookspecs import DECLARING_HOOKS, LIFE_CYCLE_HOOKS, ZooSpecs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_pages_are_up_to_date() -> None:
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_stale_page_is_noticed(generator: ModuleType) -> None:
    page = "before\n<!-- generated: errors -->\nold\n<!-- end -->\nafter\n"
    written = generator.render(page)
    assert written.startswith("before\n<!-- generated: errors -->\n\n| class |")
    assert written.endswith("<!-- end -->\nafter\n")
    assert generator.render(written) == written


def test_every_hook_is_documented_with_its_signature() -> None:
    hooks = {name: found for name, found in vars(ZooSpecs).items() if name.startswith("zoo_")}
    assert set(hooks) == {*DECLARING_HOOKS, *LIFE_CYCLE_HOOKS}
    assert {path.stem for path in (DOCS / "hooks").glob("*.md")} == set(hooks)
    for name, function in hooks.items():
        text = read(f"hooks/{name}.md")
        assert f"(hooks/{name}.md)" in read("hooks.md")
        (signature,) = re.findall(rf"^def {name}\((.*?)\) -> .*: \.\.\.$", text, re.MULTILINE)
        documented = [part.partition(":")[0].strip() for part in signature.split(",") if part.strip()]
        assert documented == [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]


@pytest.mark.parametrize("name", [*DECLARING_HOOKS, *LIFE_CYCLE_HOOKS])
def test_example_of_hook_runs(name: str) -> None:
    section = read(f"hooks/{name}.md").partition("\n## ")[0]
    _, example = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    specs = (
        f"specs = list({name}())\nassert specs and all(spec.kind for spec in specs)\n"
        if name in DECLARING_HOOKS
        else ""
    )
    done = subprocess.run([sys.executable, "-c", f"{example}\n{specs}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_error_class_has_a_cure() -> None:
    text = read("errors.md").partition("## What to do")[2]
    classes = [name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)]
    assert [name for name in classes if f"`{name}`" not in text] == []


def test_every_exit_code_is_documented() -> None:
    codes = [value for name, value in vars(errors).items() if name.startswith("EXIT_")]
    for page in ("errors.md", "cli.md"):
        assert [code for code in codes if not re.search(rf"\b{code}\b", read(page))] == []


def test_every_key_of_a_section_is_documented_with_a_meaning() -> None:
    text = read("config.md")
    for name, kind in SECTION_TYPES.items():
        table = text.partition(f"### `{name}`\n")[2].partition("\n### ")[0].partition("\n## ")[0]
        rows = {found[1]: found[2] for found in re.finditer(r"^\| `([\w.-]+)` \|.*\| ([^|]*) \|$", table, re.MULTILINE)}
        assert len(rows) >= len(kind.model_fields)
        assert [f"{name}.{key}" for key, meaning in rows.items() if not meaning.strip()] == []


def test_every_letter_of_a_chain_is_documented() -> None:
    from zoo_core.services.table import SERVICES

    rows = dict(re.findall(r"^\| `(\w)` \| (\w+) \|", read("chains.md"), re.MULTILINE))
    assert rows == {letter: service.name for letter, service in SERVICES.items()}


def test_every_command_is_documented() -> None:
    from zoo_core.cli.main import COMMANDS

    titles = re.findall(r"^## `zoo ([\w-]+)`$", read("cli.md"), re.MULTILINE)
    assert titles == list(COMMANDS)
