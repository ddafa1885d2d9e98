"""The examples are what `zoo new plugin` writes, word for word."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from zoo_core.scaffold.kinds import choose
from zoo_core.scaffold.naming import PluginName
from zoo_core.scaffold.writing import render

EXAMPLES = Path(__file__).parents[3] / "examples"
KINDS = {
    "example-model": "model",
    "example-dataset": "dataset",
    "example-quantizer": "quantizer",
    "example-board": "target",
}


@pytest.mark.parametrize(("plain", "kind"), KINDS.items())
def test_example_is_what_the_command_writes(plain: str, kind: str) -> None:
    name, (variant, _) = PluginName(plain), choose(kind, None)
    assert variant is not None
    folder = EXAMPLES / name.distribution
    wanted = render(name, variant, folder).texts
    ignored = [line.rstrip("/") for line in wanted[".gitignore"].split()]
    paths = [path for path in folder.rglob("*") if path.is_file()]
    found = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if not any(fnmatch(part, pattern) for part in path.relative_to(folder).parts for pattern in ignored)
    }
    assert found == wanted, (
        f"write it anew: rm -r examples/{name.distribution}; zoo new plugin {plain} --kind {kind} --output examples"
    )


def test_no_example_is_left_out() -> None:
    assert {path.name for path in EXAMPLES.glob("zoo-*")} == {f"zoo-{plain}" for plain in KINDS}
