"""Own `zoo show`: one component, where it comes from and which keys it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session

if TYPE_CHECKING:
    from zoo_core.cli._keys import Key
    from zoo_core.plugins.registry import Resolved

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=PlainCommand)
@shared_options
def show(
    session: Session,
    *,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind, such as model or target.", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name, alias or distribution/name.", show_default=False)],
) -> None:
    """Show one component, where it comes from and the keys it takes."""
    from zoo_core.cli._component import component_document

    entry = session.catalog().registry(kind).resolve(name)
    sections = _sections(entry)
    document = component_document(entry)
    others = [other for other in session.catalog().registry(kind).owners(name) if other.spec is not entry.spec]
    if session.json:
        tables = {section: [asdict(key) for key in keys] for section, keys in sections.items()}
        output.emit_json({entry.spec.kind: document, "sections": tables})
        return
    output.emit_fields(_fields(entry, document))
    for other in others:
        task = getattr(other.spec, "task", "any")
        output.emit_text(f"\nThe same name in use case {task}: zoo show {kind} {other.qualified}\n")
    for section, keys in sections.items():
        output.emit_text(f"\nKeys of the section {output.paint(section, 'bold')}:\n")
        rows = [[key.name, key.takes, key.default, key.meaning] for key in keys]
        output.emit_table(["KEY", "TAKES", "DEFAULT", "MEANING"], rows, wrap={"TAKES", "DEFAULT", "MEANING"})


def _sections(entry: Resolved[Any]) -> dict[str, list[Key]]:
    from zoo_core.cli._component import section_classes
    from zoo_core.cli._keys import section_keys

    references = section_classes(entry.spec)
    return {section: list(section_keys(entry.load(reference))) for section, reference in references.items()}


def _fields(entry: Resolved[Any], document: dict[str, Any]) -> Iterator[tuple[str, str | list[str] | None]]:
    spec = entry.spec
    yield spec.kind, entry.name
    yield "summary", spec.summary
    yield "plugin", entry.provider
    if entry.name not in (spec.name, *spec.aliases):
        yield "family", spec.name
    for name in ("aliases", "task", "tasks", "model_types", "licence", "pretrained", "abilities", "tags"):
        value = document.get(name)
        yield name.replace("_", " "), ", ".join(value) if isinstance(value, list) else value
    if "input" in document:
        yield "input", f"{spec.input} (channels x height x width)"
    yield "code", document["build"]
