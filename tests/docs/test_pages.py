"""Pages are reachable, their links lead somewhere, and the front page, the Makefile and `.ci/run` agree."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("packages/*/README.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
TARGETS = [
    "setup",
    "demo",
    "test",
    "test-slow",
    "test-wheels",
    "check",
    "format",
    "lint",
    "types",
    "imports",
    "docs",
    "lock",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8"))]
    local = [link for link in links if link and "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_index_names_every_page() -> None:
    """The page of each hook is named by the page of all hooks."""
    index = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("index.md", "hooks.md"))
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page != "index.md" and f"({page})" not in index] == []


def test_readme_begins_with_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    assert commands[0] < 10
    assert lines[commands[0]] == "$ make demo"


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert listed == ["help", *TARGETS]


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_sets_up_first(target: str) -> None:
    """A target that is asked for in a folder without an environment begins by making one."""
    command = ["make", "--dry-run", "VENV=does-not-exist", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    steps = done.stdout.splitlines()
    assert any("-m venv does-not-exist" in step for step in steps[:4])


def test_clean_machine_script_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "$ make test\n" in readme
    assert "\nmake test\n" in script
    assert re.search(r"^make .*check$", script, re.MULTILINE)
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
