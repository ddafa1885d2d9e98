"""`zoo doctor` lets the targets look for their tools: once each, with one line of cure, and never with a crash."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.specs import Finding, TargetSpec
from zoo_core.testing.isolation import run_isolated, write_plugin

CALL = "import sys; from zoo_core.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
OK = Finding(name="solder", status="ok", detail="1.2 at /usr/bin/solder", required=True)
ABSENT = Finding(name="microscope", status="missing", detail="not on the PATH", hint="Buy one.")
TOOLED = """
    from zoo_core import LazyRef, TargetSpec, hookimpl

    zoo_api = 1

    @hookimpl
    def zoo_targets():
        yield TargetSpec(
            name="tooled_board",
            summary="Brings tools.",
            build=LazyRef("zoo_tooled.tools:build"),
            abilities=frozenset({"infer"}),
            examine=LazyRef("zoo_tooled.tools:examine"),
        )
"""
TOOLS = """
from zoo_core.specs import Finding

def build(config): ...

def examine():
    yield Finding(name="lathe", status="missing", detail="not there", hint="Get one.")
"""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, use_catalog) -> Callable[..., list[str]]:
    """Return a function that installs targets which all name one examination; it returns the calls of that."""

    def install(examine: Callable[[], Iterator[Finding]] | None, *, path: str = "acme_tools:examine") -> list[str]:
        calls: list[str] = []

        def counted() -> Iterator[Finding]:
            calls.append("call")
            return examine()

        module = ModuleType("acme_tools")
        module.examine = counted
        monkeypatch.setitem(sys.modules, "acme_tools", module)
        use_catalog(Catalog.of(*(target(name, path) for name in ("one", "two")), distribution="zoo-acme", version="3"))
        return calls

    return install


def target(name: str, path: str) -> TargetSpec:
    return TargetSpec(
        name=name,
        summary="A board.",
        build=LazyRef("zoo_absent.target:build"),
        abilities=frozenset({"infer"}),
        examine=LazyRef(path),
    )


def found_by(answer) -> list[dict]:
    names = [check["name"] for check in answer.document["checks"]]
    return answer.document["checks"][names.index("onnxscript") + 1 :]


def test_findings_of_targets_are_checks_and_optional_tools_may_be_absent(cli, install) -> None:
    calls = install(lambda: iter([OK, ABSENT]))
    answer = cli("doctor", "--json")
    assert answer.code == 0
    assert answer.document["healthy"] is True
    assert found_by(answer) == [
        {"name": "solder", "status": "ok", "detail": "1.2 at /usr/bin/solder", "hint": None, "required": True},
        {"name": "microscope", "status": "missing", "detail": "not on the PATH", "hint": "Buy one.", "required": False},
    ]
    assert calls == ["call"], "two targets name the same examination"


def test_table_shows_detail_and_cure(cli, install) -> None:
    install(lambda: iter([ABSENT]))
    lines = cli("doctor").out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("microscope"))
    assert lines[place].split(maxsplit=2)[1:] == ["missing", "not on the PATH"]
    assert lines[place + 1].strip() == "Buy one."


@pytest.mark.parametrize(
    ("status", "required", "code"),
    [("ok", True, 0), ("missing", False, 0), ("missing", True, 3), ("broken", False, 1), ("broken", True, 1)],
)
def test_exit_code_depends_on_what_is_required(cli, install, status, required: bool, code: int) -> None:
    install(lambda: iter([Finding(name="saw", status=status, detail="it is so", required=required)]))
    answer = cli("doctor", "--json")
    assert answer.code == code
    assert answer.document["healthy"] is (code == 0)


def test_a_failing_examination_is_a_finding_beside_what_it_found_before(cli, install) -> None:
    def examine() -> Iterator[Finding]:
        yield OK
        msg = "no hands"
        raise RuntimeError(msg)

    install(examine)
    answer = cli("doctor", "--json")
    assert answer.code == 1
    first, second = found_by(answer)
    assert first["name"] == "solder"
    assert (second["name"], second["status"]) == ("tools of zoo-acme", "broken")
    assert second["detail"] == "zoo-acme 3 failed in examination acme_tools:examine: RuntimeError: no hands"
    assert "Traceback" not in answer.out + answer.err


@pytest.mark.parametrize("what", [None, [], "text"])
def test_what_is_no_finding_is_a_fault_of_the_plugin(cli, install, what) -> None:
    install(lambda: iter([what]))
    answer = cli("doctor", "--json")
    assert answer.code == 1
    assert found_by(answer)[0]["status"] == "broken"


def test_an_examination_that_does_not_exist_is_broken(cli, install) -> None:
    install(None, path="acme_tools:absent")
    answer = cli("doctor", "--json")
    assert answer.code == 1
    assert "no attribute absent" in found_by(answer)[0]["detail"]


def test_one_plugin_is_examined_with_its_own_tools_only(tmp_path: Path) -> None:
    write_plugin(tmp_path, "zoo-tooled", "1.0", "tooled", TOOLED, files={"tools.py": TOOLS})
    run = run_isolated(CALL, paths=[tmp_path], arguments=["doctor", "tooled", "--json"])
    assert run.returncode == 0, run.stderr
    checks = json.loads(run.stdout)["checks"]
    assert [check["name"] for check in checks] == ["plugin tooled", "target tooled_board", "lathe"]
    assert "zoo_stm32.examination" not in run.modules


def test_a_plugin_without_examination_shows_no_progress(cli, small_catalog) -> None:
    assert cli("doctor", "--json").err == ""
