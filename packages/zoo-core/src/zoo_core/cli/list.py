"""Own `zoo list`: what is installed, kind by kind."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo_core.plugins.catalog import Catalog
    from zoo_core.plugins.registry import Resolved

WILDCARDS = "*?["

EXTRA = {
    "model": ("TASK", "INPUT", "PRETRAINED"),
    "dataset": ("TASK",),
    "trainer": ("TASKS",),
    "target": ("ABILITIES",),
}
"""Columns that only some kinds have, named after fields of their specs."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(name="list", cls=PlainCommand)
@shared_options
def list_components(
    session: Session,
    *,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="tasks, models, datasets, trainers, quantizers, targets or trackers.",
            show_default=False,
        ),
    ],
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATTERN]", help="Part of a name, or a pattern such as 'mobilenet*'.", show_default=False
        ),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="NAME", help="Only what serves this use case.")] = None,
    families: Annotated[
        bool, typer.Option("--families", help="Also list the members of families; imports their libraries.")
    ] = False,
) -> None:
    """List what is installed: models, datasets, targets and more."""
    from zoo_core.cli._progress import waiting

    catalog = session.catalog()
    registry = catalog.registry(kind)
    if task is not None:
        task = catalog.tasks.get(task).name
    with waiting(f"Looking for {registry.kind}s", quiet=session.quiet):
        found = registry.find(_as_pattern(pattern), task, families=families)
    if session.json:
        from zoo_core.cli._component import component_document

        output.emit_json({f"{registry.kind}s": [component_document(entry) for entry in found]})
        return
    if found:
        output.emit_table(*_table(registry.kind, found), wrap={"SUMMARY"}, spare=["PLUGIN", "PRETRAINED", "TASK"])
    else:
        which = f' matches "{pattern}"' if pattern else " is installed"
        output.emit_note(f"No {registry.kind}{which}{f' for use case {task}' if task else ''}.")
    _remark(catalog, registry.kind, searched=families or pattern is None)


def _as_pattern(text: str | None) -> str:
    if text is None:
        return "*"
    return text if any(letter in text for letter in WILDCARDS) else f"*{text}*"


def _remark(catalog: Catalog, kind: str, *, searched: bool) -> None:
    members = [entry.name for entry in catalog.registry(kind) if getattr(entry.spec, "family", None) is not None]
    if members and not searched:
        output.emit_note(f"Members of {', '.join(members)} are not searched; add --families to list them too.")


def _table(kind: str, found: Sequence[Resolved[Any]]) -> tuple[list[str], list[list[str]]]:
    names = Counter(entry.name for entry in found)
    extra = EXTRA.get(kind, ())
    rows = []
    for entry in found:
        shown = entry.name if names[entry.name] == 1 else entry.qualified
        rows.append([shown, *(_cell(entry.spec, title) for title in extra), entry.spec.summary, entry.distribution])
    return ["NAME", *extra, "SUMMARY", "PLUGIN"], rows


def _cell(spec: Any, title: str) -> str:
    value = getattr(spec, title.lower())
    if value is None:
        return "all"
    return (", ".join(sorted(value)) or "-") if isinstance(value, tuple | frozenset) else str(value)
