"""Own how tests of the command line call it: in this process, with a catalogue of their own."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zoo_core.cli.main import run_cli
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.specs import DatasetSpec, ModelSpec, QuantizerSpec, TargetSpec, TaskSpec

STARTER = "# counting\noperation_mode: training\n"
SECTIONS = "zoo_core.config.sections"


@dataclass(frozen=True)
class Answer:
    """Hold what a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Return standard output read as JSON."""
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return a function that runs one command line in this process."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run_cli(list(arguments))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Work in an empty folder."""
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.fixture
def use_catalog(monkeypatch: pytest.MonkeyPatch) -> Callable[[Catalog], None]:
    """Return a function that puts a catalogue in the place of the installed plugins."""

    def use(catalog: Catalog) -> None:
        monkeypatch.setattr("zoo_core.plugins.get_catalog", lambda selection=None: catalog)

    return use


@pytest.fixture
def small_catalog(use_catalog: Callable[[Catalog], None]) -> Catalog:
    """Install and return a catalogue with one component of most kinds."""
    catalog = Catalog.of(
        TaskSpec(
            name="counting",
            summary="Count objects.",
            aliases=("object_counting",),
            build=LazyRef("zoo_absent.task:build"),
            starter=LazyRef("tests_cli_starter:TEXT"),
        ),
        ModelSpec(
            name="counter_net",
            task="counting",
            summary="Small network.",
            build=LazyRef("zoo_absent.model:build"),
            config=LazyRef(f"{SECTIONS}:ModelSection"),
            licence="Apache-2.0",
        ),
        ModelSpec(
            name="other_net",
            task="counting",
            summary="Other network.",
            pretrained=("acme",),
            build=LazyRef("zoo_absent.model:build"),
            config=LazyRef(f"{SECTIONS}:ModelSection"),
        ),
        DatasetSpec(
            name="beans",
            task="counting",
            summary="Beans in a jar.",
            build=LazyRef("zoo_absent.data:build"),
            config=LazyRef(f"{SECTIONS}:DatasetSection"),
        ),
        QuantizerSpec(
            name="acme_quantizer",
            summary="Four-bit weights.",
            build=LazyRef("zoo_absent.quantizer:build"),
            config=LazyRef(f"{SECTIONS}:QuantizationSection"),
        ),
        TargetSpec(
            name="acme_board",
            summary="Acme evaluation board.",
            aliases=("ACME-1",),
            build=LazyRef("zoo_absent.target:build"),
            abilities=frozenset({"infer", "benchmark"}),
        ),
        distribution="zoo-acme",
        version="0.3",
    )
    use_catalog(catalog)
    return catalog
