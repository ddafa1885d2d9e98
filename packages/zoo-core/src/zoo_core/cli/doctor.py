"""Own `zoo doctor`: an examination of this installation with the tools its targets use, or of one plugin in depth."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.errors import EXIT_INTERNAL, EXIT_MISSING, EXIT_OK, MissingError, ZooError

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.plugins.registry import Resolved
    from zoo_core.plugins.report import PluginReport
    from zoo_core.specs import Finding, TargetSpec

Status = Literal["ok", "missing", "broken", "disabled"]
OK: Status = "ok"
MISSING: Status = "missing"
BROKEN: Status = "broken"
DISABLED: Status = "disabled"
STYLES: dict[str, str] = {OK: "green", MISSING: "yellow", BROKEN: "red", DISABLED: "yellow"}
LIBRARIES = {
    "torch": "zoo-core[torch]",
    "torchvision": "zoo-core[torch]",
    "timm": "zoo-core[torch]",
    "lightning": "zoo-core[torch]",
    "onnx": "zoo-core[onnx]",
    "onnxruntime": "zoo-core[onnx]",
    "onnxscript": "zoo-core[onnx]",
}
"""Libraries that stages need -> what to install for them."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Check:
    """Hold the outcome of one examination."""

    name: str
    status: Status
    detail: str
    hint: str | None = None
    required: bool = True
    """Whether its absence makes the installation fail."""


@app.command(cls=PlainCommand)
@shared_options
def doctor(
    session: Session,
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Plugin or distribution to examine in depth; imports all that it names.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Examine this installation and every plugin of it."""
    catalog = session.catalog(tell=False)
    if name is None:
        _examine_all(session, catalog)
    else:
        _examine_one(session, catalog, catalog.plugin(name))


def _examine_all(session: Session, catalog: Catalog) -> None:
    checks = [*_base(), *_libraries(), *(_plugin(report) for report in catalog.reports)]
    checks.extend(_tools(catalog.targets.entries(), quiet=session.quiet))
    if session.json:
        output.emit_json(_document(checks, catalog.problems))
    else:
        _print_checks(checks)
        for problem in catalog.problems:
            output.emit_warning(problem)
    raise typer.Exit(_code(checks, catalog.problems))


def _examine_one(session: Session, catalog: Catalog, report: PluginReport) -> None:
    from zoo_core.cli._progress import waiting

    targets = [entry for entry in catalog.targets if entry.distribution == report.distribution]
    with waiting(f"Importing what {report.name} names", quiet=session.quiet):
        checks = [_plugin(report), *_components(catalog, report)]
    checks += _tools(targets, quiet=session.quiet)
    if session.json:
        output.emit_json({**_document(checks, report.problems), "plugin": report.to_dict()})
    else:
        _print_checks(checks)
        for problem in report.problems:
            output.emit_warning(problem)
        if report.traceback:
            output.emit_text(f"\n{report.traceback.rstrip()}")
    raise typer.Exit(_code(checks, report.problems))


def _base() -> Iterator[Check]:
    from zoo_core import API_VERSION, __version__

    yield Check("zoo-core", OK, f"{__version__}, plugin API {API_VERSION}")
    yield Check("python", OK, f"{platform.python_version()} at {sys.executable}")
    yield Check("system", OK, f"{platform.system()} {platform.machine()}")


def _libraries() -> Iterator[Check]:
    for name, extra in LIBRARIES.items():
        try:
            yield Check(name, OK, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, MISSING, "not installed", f'Install: pip install "{extra}"')


def _plugin(report: PluginReport) -> Check:
    label = f"plugin {report.name}"
    if report.status == BROKEN:
        return Check(label, BROKEN, f"{report.label}: {report.cause}", f"See: zoo doctor {report.name}")
    if report.status == DISABLED:
        return Check(label, DISABLED, f"{report.label}: {report.cause}")
    heavy = f", imports {', '.join(report.heavy_modules)}" if report.heavy_modules else ""
    return Check(label, OK, f"{report.label}: loaded in {report.import_seconds * 1000:.0f} ms{heavy}")


def _components(catalog: Catalog, report: PluginReport) -> Iterator[Check]:
    from zoo_core.plugins.catalog import KINDS

    for kind in KINDS:
        for entry in catalog.registry(kind):
            if entry.distribution == report.distribution:
                yield _component(entry)


def _component(entry: Resolved[Any]) -> Check:
    """Import everything a component names; the first failure is its outcome."""
    from zoo_core.cli._component import references

    label = f"{entry.spec.kind} {entry.spec.name}"
    named = references(entry.spec)
    try:
        for reference in named:
            entry.load(reference)
    except ZooError as error:
        return Check(label, MISSING if isinstance(error, MissingError) else BROKEN, error.message, error.hint)
    return Check(label, OK, ", ".join(dict.fromkeys(reference.module for reference in named)))


def _tools(targets: Sequence[Resolved[TargetSpec]], *, quiet: bool) -> list[Check]:
    """Let the targets look for what they use on this machine, each examination once."""
    from zoo_core.cli._progress import open_progress

    named: dict[str, Resolved[TargetSpec]] = {}
    for entry in targets:
        if entry.spec.examine is not None:
            named.setdefault(entry.spec.examine.path, entry)
    if not named:
        return []
    checks = []
    with open_progress(quiet=quiet) as progress, progress.track("Looking for the tools of targets", None) as task:
        for entry in named.values():
            for check in _examination(entry):
                checks.append(check)
                task.advance()
    return checks


def _examination(entry: Resolved[TargetSpec]) -> Iterator[Check]:
    """Turn what an examination finds into checks; its own failure is one more, beside what it found before."""
    from zoo_core.plugins.guard import plugin_code

    reference = entry.spec.examine
    if reference is None:
        return
    try:
        with plugin_code(entry.distribution, entry.version, f"examination {reference.path}"):
            yield from (_check(finding) for finding in entry.load(reference)())
    except ZooError as error:
        status = MISSING if isinstance(error, MissingError) else BROKEN
        yield Check(f"tools of {entry.distribution}", status, error.message, error.hint)


def _check(finding: Finding) -> Check:
    return Check(finding.name, finding.status, finding.detail, finding.hint, finding.required)


def _print_checks(checks: Sequence[Check]) -> None:
    rows = [[check.name, check.status, "\n".join(filter(None, (check.detail, check.hint)))] for check in checks]
    output.emit_table(["CHECK", "STATUS", "DETAIL"], rows, wrap={"DETAIL"}, styles=STYLES)


def _document(checks: Sequence[Check], problems: Sequence[str]) -> dict[str, object]:
    healthy = _code(checks, problems) == EXIT_OK
    return {"healthy": healthy, "checks": [asdict(check) for check in checks], "problems": list(problems)}


def _code(checks: Sequence[Check], problems: Sequence[str]) -> int:
    statuses = {check.status for check in checks if check.required or check.status != MISSING}
    if BROKEN in statuses or problems:
        return EXIT_INTERNAL
    return EXIT_MISSING if MISSING in statuses else EXIT_OK
