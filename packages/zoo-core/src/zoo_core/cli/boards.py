"""Own `zoo boards`: the targets that are boards, with the facts that decide whether a model fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo_core.plugins.registry import Resolved
    from zoo_core.specs import TargetSpec

BYTES = "_bytes"
HERTZ = "_hz"
MEGAHERTZ = 1e6
ABSENT = "-"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=PlainCommand)
@shared_options
def boards(
    session: Session,
    *,
    pattern: Annotated[
        str | None,
        typer.Argument(metavar="[PATTERN]", help="Part of a name, or a pattern such as '*h7*'.", show_default=False),
    ] = None,
) -> None:
    """List the boards with their core, clock and memories."""
    from zoo_core.cli._component import component_document

    catalog = session.catalog()
    found = [entry for entry in catalog.targets.find(_as_pattern(pattern)) if entry.spec.properties]
    if session.json:
        output.emit_json({"boards": [component_document(entry) for entry in found]})
        return
    if found:
        _print_boards(found)
    else:
        output.emit_note(f'No board matches "{pattern}".' if pattern else "No installed plugin brings boards.")
    if catalog.problems:
        count = len(catalog.problems)
        output.emit_warning(f"{count} problem{'s' if count > 1 else ''} with plugins. See: zoo plugins")


def _as_pattern(text: str | None) -> str:
    from zoo_core.cli.list import WILDCARDS

    if text is None:
        return "*"
    return text if any(letter in text for letter in WILDCARDS) else f"*{text}*"


def _print_boards(found: Sequence[Resolved[TargetSpec]]) -> None:
    names = list(dict.fromkeys(name for entry in found for name in entry.spec.properties))
    titles = [_title(name) for name in names]
    rows = [
        [_shown_name(entry), *(_cell(entry.spec, name) for name in names), entry.distribution]
        for entry in sorted(found, key=_shown_name)
    ]
    right = {title for name, title in zip(names, titles, strict=True) if name.endswith((BYTES, HERTZ))}
    output.emit_table(["NAME", *titles, "PLUGIN"], rows, right=right, spare=["PLUGIN", *reversed(titles)])


def _shown_name(entry: Resolved[TargetSpec]) -> str:
    """Return the name as it stands on the box, which a configuration file takes too."""
    return next(iter(entry.spec.aliases), entry.name)


def _title(name: str) -> str:
    return name.removesuffix(BYTES).removesuffix(HERTZ).replace("_", " ").upper()


def _cell(spec: TargetSpec, name: str) -> str:
    from zoo_core.reporting.metric_text import metric_text

    value = spec.properties.get(name)
    if not value:
        return ABSENT
    if isinstance(value, str):
        return value
    if name.endswith(BYTES):
        return metric_text(value, "bytes")
    return f"{value / MEGAHERTZ:g} MHz" if name.endswith(HERTZ) else str(value)
