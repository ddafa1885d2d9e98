"""Shared by the tests of the conformance kit: plugins that look installed, and the outcome of every check on them."""

from __future__ import annotations

import importlib
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from zoo_core.plugins.catalog import Catalog
from zoo_core.testing.isolation import write_plugin


@dataclass
class Outcomes:
    """Hold what became of each check; a check with parameters counts once for each."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    xfailed: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Text of every failure."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one report of pytest."""
        name = report.nodeid.split("::")[-1].removeprefix("test_")
        if hasattr(report, "wasxfail"):
            self.xfailed[name] = report.wasxfail
        elif report.failed:
            self.failed.add(name)
            self.texts[name] = str(report.longrepr)
        elif report.skipped:
            self.skipped[name] = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        elif report.when == "call":
            self.passed.add(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Let a file that cannot be collected fail the test."""
        assert not report.failed, report.longreprtext


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Catalog]]:
    """Return a function that writes a plugin and puts the catalogue with it in the place of the installed one."""
    site, made = tmp_path / "site", []

    def write(source: str, *, distribution: str = "zoo-acme", entry: str = "acme", **files: str) -> Catalog:
        from zoo_core.plugins.manager import build_catalog

        texts = {f"{name}.py": text for name, text in files.items()}
        made.append(write_plugin(site, distribution, "0.3", entry, source, files=texts).partition(".")[0])
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        catalog = build_catalog()
        monkeypatch.setattr("zoo_core.plugins.get_catalog", lambda selection=None: catalog)
        return catalog

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Outcomes]:
    """Return a function that runs a file of tests in a pytest of its own, in this process."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str) -> Outcomes:
        folder = tmp_path / "author"
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n")
        file = folder / f"test_{re.sub(r'[^a-z0-9]', '_', tmp_path.name.lower())}.py"  # imported under this name
        file.write_text(f"import pytest\nfrom zoo_core.testing.conformance import *\n{textwrap.dedent(source)}")
        outcomes = Outcomes()
        # Looking for lost exceptions collects garbage many times, which takes a second once torch is loaded.
        options = [
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:unraisableexception",
            "-p",
            "no:threadexception",
            "--import-mode=importlib",
            "-p",
            "zoo_core.testing.pytest_plugin",
        ]
        place = ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "--basetemp", str(tmp_path / "inner")]
        pytest.main([*options, *place, str(file)], plugins=[outcomes])
        assert outcomes.passed | outcomes.failed | outcomes.skipped.keys(), "nothing was run"
        return outcomes

    return run
