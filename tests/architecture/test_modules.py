"""The house rules that a linter cannot state: size, names and docstrings of modules, no mutable globals."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = sorted(ROOT.glob("packages/*/src/**/*.py"))
TESTS = sorted(path for folder in ("tests", "docs", "benchmarks") for path in ROOT.glob(f"{folder}/**/*.py"))
LONGEST = 500
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}
MUTABLE_TYPES = {"dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque", "WeakValueDictionary"}
MUTATORS = {
    "add",
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "popitem",
    "register",
    "remove",
    "setdefault",
    "update",
}


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def mutable_globals(tree: ast.Module) -> set[str]:
    """Return the names that a module binds to a dict, list or set at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        value = node.value
        made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in MUTABLE_TYPES
        if made or isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def changes(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Yield every place where a module changes one of its global containers, or rebinds a global."""
    for node in ast.walk(tree):
        match node:
            case ast.Global(names=rebound):
                yield f"line {node.lineno}: global {', '.join(rebound)}"
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()) if name in names:
                yield f"line {node.lineno}: {name}[...] is set"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if name in names:
                if method in MUTATORS:
                    yield f"line {node.lineno}: {name}.{method}(...)"
            case ast.AugAssign(target=ast.Name(id=name)) if name in names:
                yield f"line {node.lineno}: {name} is changed in place"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def length(path: Path) -> int:
    return len(read(path).splitlines())


def test_modules_are_found() -> None:
    assert ROOT / "packages/zoo-core/src/zoo_core/errors.py" in MODULES
    assert Path(__file__) in TESTS


def test_no_module_is_longer_than_500_lines() -> None:
    assert {label(path): length(path) for path in [*MODULES, *TESTS] if length(path) > LONGEST} == {}


def test_median_module_is_about_100_lines() -> None:
    assert statistics.median(length(path) for path in MODULES if path.name != "__init__.py") <= 130


def test_every_module_name_says_what_it_owns() -> None:
    parts = {label(path): {path.stem.strip("_"), path.parent.name.strip("_")} for path in MODULES}
    assert {name for name, words in parts.items() if words & VAGUE_NAMES} == set()


def test_every_module_docstring_is_a_sentence() -> None:
    docstrings = {label(path): ast.get_docstring(ast.parse(read(path))) or "" for path in MODULES}
    assert {name for name, text in docstrings.items() if not text.partition("\n\n")[0].rstrip().endswith(".")} == set()


def test_no_module_keeps_state_between_calls() -> None:
    found = {}
    for path in MODULES:
        tree = ast.parse(read(path))
        if places := list(changes(tree, mutable_globals(tree))):
            found[label(path)] = places
    assert found == {}


def test_state_is_recognised() -> None:
    kept = """
A = {}
B: list[int] = []
C = 0

def change():
    global C
    A["x"] = 1
    B.append(2)
    B += [3]
"""
    tree = ast.parse(kept)
    assert len(list(changes(tree, mutable_globals(tree)))) == 4


def test_constant_table_is_no_state() -> None:
    tree = ast.parse("A = {'x': 1}\ndef f(B):\n    B['y'] = A['x']\n    return A.get('x')\n")
    assert not list(changes(tree, mutable_globals(tree)))
