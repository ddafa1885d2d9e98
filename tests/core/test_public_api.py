"""What authors of plugins build on changes only on purpose: `public_api.txt` beside this file holds all of it.

It is written anew by `python tests/core/test_public_api.py`.
"""

import ast
import dataclasses
import difflib
import importlib
import inspect
import re
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import zoo_core
from zoo_core.config.section import Section
from zoo_core.errors import ZooDeprecationWarning, ZooError, warn_deprecated
from zoo_core.exports import Exports
from zoo_core.hookspecs import ZooSpecs
from zoo_core.testing.isolation import run_isolated

FROZEN = Path(__file__).with_name("public_api.txt")
SPECIAL = {"__init__", "__call__", "__len__", "__iter__", "__getitem__", "__and__"}
MEANING = """
The public interface of zoo_core is not what tests/core/public_api.txt says:

{difference}

Plugins of others are built on it. Allowed at any time: a new name, a new field or argument with a default.
Anything else breaks plugins: keep the old name for one minor version (`renamed` in zoo_core/__init__.py, or
`zoo_core.errors.warn_deprecated`), and raise `API_VERSION` when a plugin written for the old form would fail.
When the change is meant, run `python tests/core/test_public_api.py` and say it in CHANGELOG.md.
"""


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def definition(module: str, name: str) -> ast.stmt:
    """Return the statement of a module that defines a name."""
    for node in tree_of(module).body:
        match node:
            case ast.ClassDef(name=found) | ast.FunctionDef(name=found) if found == name:
                return node
            case ast.Assign(targets=[ast.Name(id=found)]) if found == name:
                return node
            case ast.ImportFrom(module=str(origin), names=names) if name in {alias.name for alias in names}:
                return definition(origin, name)
    raise AssertionError(f"{name} is not defined in {module}")


def function(node: ast.FunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        yield f"@{ast.unparse(decorator)}"
    result = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    yield f"def {node.name}({ast.unparse(node.args)}){result}"


def members(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        match item:
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                yield ast.unparse(item)
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.startswith("_"):
                yield ast.unparse(item)
            case ast.FunctionDef(name=name) if name in SPECIAL or not name.startswith("_"):
                yield from function(item)


def described(name: str) -> Iterator[str]:
    """Yield the lines that state one exported name."""
    home = next(module for module, names in homes().items() if name in names)
    node = definition(home, name)
    if not isinstance(node, ast.ClassDef):
        yield ast.unparse(node)
        return
    for decorator in node.decorator_list:
        yield f"@{ast.unparse(decorator)}"
    yield f"class {node.name}({', '.join(ast.unparse(base) for base in node.bases)})"
    if not issubclass(getattr(zoo_core, name), Section):  # the keys of sections are for users: docs/config.md
        yield from (f"    {line}" for line in members(node))


def homes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in zoo_core.EXPORTS.names():
        found.setdefault(zoo_core.EXPORTS.home(name), []).append(name)
    return found


def interface() -> str:
    """Return everything that is frozen."""
    names = [name for name in zoo_core.__all__ if name != "__version__"]
    parts = ["\n".join(described(name)) for name in sorted(names, key=str.casefold)]
    hooks = ["Hooks of a plugin module"]
    for name, hook in vars(ZooSpecs).items():
        if name.startswith("zoo_"):
            hooks.append(f"    def {name}{str(inspect.signature(hook)).replace(chr(39), '')}")
    return "\n\n".join([*parts, "\n".join(hooks)]) + "\n"


def test_public_interface_equals_the_frozen_one() -> None:
    frozen, found = FROZEN.read_text(encoding="utf-8"), interface()
    difference = "\n".join(
        difflib.unified_diff(frozen.splitlines(), found.splitlines(), "public_api.txt", "zoo_core", lineterm="", n=2)
    )
    assert frozen == found, MEANING.format(difference=difference)


def test_change_of_the_interface_is_seen() -> None:
    source = ast.parse(
        "@dataclass(frozen=True)\nclass A(B):\n    x: int = 1\n    def f(self, *, y: str = 'a') -> int: ...\n"
    )
    (node,) = source.body
    assert isinstance(node, ast.ClassDef)
    assert list(members(node)) == ["x: int = 1", "def f(self, *, y: str='a') -> int"]


def test_every_exported_name_can_be_had_and_no_other() -> None:
    assert sorted([*zoo_core.EXPORTS.names(), "__version__"]) == sorted(zoo_core.__all__)
    assert {name for name in zoo_core.__all__ if getattr(zoo_core, name, None) is None} == set()
    assert set(zoo_core.__all__) <= set(dir(zoo_core))
    namespace: dict[str, object] = {}
    exec("from zoo_core import *", namespace)  # noqa: S102 - that is what is tested
    assert set(zoo_core.__all__) <= set(namespace)
    with pytest.raises(AttributeError, match="module 'zoo_core' has no attribute 'ModelSpeck'"):
        _ = zoo_core.ModelSpeck
    with pytest.raises(ImportError, match="cannot import name 'ModelSpeck'"):
        exec("from zoo_core import ModelSpeck")  # noqa: S102


def test_type_checkers_see_what_is_exported_where_it_is() -> None:
    (block,) = [node for node in tree_of("zoo_core").body if isinstance(node, ast.If) and not hasattr(node.test, "op")]
    imported = {alias.name: node.module for node in block.body for alias in node.names}
    assert imported == {name: zoo_core.EXPORTS.home(name) for name in zoo_core.EXPORTS.names()}
    for name, module in imported.items():
        found = getattr(zoo_core, name)
        assert found is getattr(importlib.import_module(module), name)
        assert getattr(found, "__module__", module).startswith(("zoo_core", "pluggy"))


def test_everything_a_spec_or_a_hook_names_is_exported() -> None:
    """A plugin's author needs no import from deeper down to write what the interface speaks of."""
    ours = {
        name
        for module in homes()
        for name, found in vars(importlib.import_module(module)).items()
        if inspect.isclass(found) and found.__module__.startswith("zoo_core") and not name.startswith("_")
    }
    words = set(interface().replace("[", " ").replace("]", " ").replace(",", " ").replace(")", " ").split())
    assert {name for name in ours & words if name not in zoo_core.__all__} == set()


def test_every_error_class_is_exported() -> None:
    module = importlib.import_module("zoo_core.errors")
    classes = [found for found in vars(module).values() if inspect.isclass(found) and issubclass(found, Exception)]
    assert {found.__name__ for found in classes if found.__name__ not in zoo_core.__all__} == set()


def test_page_for_authors_holds_every_class_with_its_fields_and_methods() -> None:
    page = (Path(__file__).parents[2] / "docs/plugins/api.md").read_text(encoding="utf-8")
    found = re.finditer(r"^### `(\w+)`.*?(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    sections = {section[1]: section[0] for section in found}
    for name in set(zoo_core.EXPORTS.names()) - {"ConfigIssue", "LazyRef"}:
        kind = getattr(zoo_core, name)
        if dataclasses.is_dataclass(kind):
            inherited = {field for base in kind.__mro__[1:] for field in getattr(base, "__dataclass_fields__", ())}
            own = [field.name for field in dataclasses.fields(kind) if field.name not in inherited]
            assert re.findall(r"^\| `(\w+)` \|", sections[name], re.MULTILINE) == own
        elif getattr(kind, "_is_protocol", False):
            methods = {key for key, value in vars(kind).items() if inspect.isfunction(value) or type(value) is property}
            public = {method for method in methods if method in SPECIAL - {"__init__"} or not method.startswith("_")}
            assert set(re.findall(r"^def (\w+)\(self", sections[name], re.MULTILINE)) == public


def test_import_of_the_package_costs_nothing() -> None:
    run = run_isolated("import zoo_core")
    assert {name for name in run.modules if name.startswith("zoo_core")} == {"zoo_core", "zoo_core.exports"}
    light = run_isolated("from zoo_core import LazyRef, ModelSpec, TaskSpec, hookimpl")
    assert not {"pydantic", "typer", "zoo_core.config", "zoo_core.results", "importlib.metadata"} & light.modules


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a package that renamed one of its names, and return its own name."""
    package = types.ModuleType("stand_in_package")
    exports = Exports(
        "stand_in_package", {"zoo_core.errors": ("ZooError", "UserError")}, renamed={"OldError": ("ZooError", "2.0")}
    )

    def answer(name: str) -> object:  # one frame more, as in zoo_core itself
        return exports.get(name)

    package.__getattr__ = answer  # type: ignore[method-assign]
    package.__path__ = []
    monkeypatch.setitem(sys.modules, package.__name__, package)
    assert exports.names() == ["UserError", "ZooError"], "what goes away is not offered any more"
    return package.__name__


def test_renamed_name_works_with_a_warning_at_the_line_that_uses_it(stand_in: str) -> None:
    namespace: dict[str, object] = {}
    code = compile(f"\n\nfrom {stand_in} import OldError", "/somewhere/acme.py", "exec")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        exec(code, namespace)  # noqa: S102
    assert namespace["OldError"] is ZooError
    (warning,) = caught
    assert warning.category is ZooDeprecationWarning
    assert (warning.filename, warning.lineno) == ("/somewhere/acme.py", 3)
    expected = f"{stand_in}.OldError is deprecated and goes away in zoo-core 2.0; use {stand_in}.ZooError."
    assert str(warning.message) == expected


def test_current_name_gives_no_warning(stand_in: str) -> None:
    module = importlib.import_module(stand_in)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert module.ZooError is ZooError
        with pytest.raises(AttributeError, match="has no attribute 'Other'"):
            _ = module.Other


def test_deprecated_function_warns_where_it_is_called() -> None:
    def old() -> int:
        warn_deprecated("acme.old()", "acme.new()", "2.0", stacklevel=2)
        return 1

    code = compile("\n\n\nold()", "/somewhere/acme.py", "exec")
    with pytest.warns(ZooDeprecationWarning) as caught:
        exec(code, {"old": old})  # noqa: S102
    (warning,) = caught
    assert str(warning.message) == "acme.old() is deprecated and goes away in zoo-core 2.0; use acme.new()."
    assert (warning.filename, warning.lineno) == ("/somewhere/acme.py", 4)


def test_file_is_written_by_this_file(tmp_path: Path) -> None:
    copy = tmp_path / Path(__file__).name
    copy.write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, str(copy)], check=True)
    assert (tmp_path / "public_api.txt").read_text(encoding="utf-8") == interface()


if __name__ == "__main__":
    FROZEN.write_text(interface(), encoding="utf-8")
