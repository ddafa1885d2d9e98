"""Own `zoo new`: folders to start from, such as that of a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import CommandGroup, PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.errors import UserError

if TYPE_CHECKING:
    from zoo_core.scaffold.kinds import Variant
    from zoo_core.scaffold.naming import PluginName

app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=CommandGroup)


@app.callback()
def new() -> None:
    """Write a new plugin to start from."""


@app.command(cls=PlainCommand)
@shared_options
def plugin(
    session: Session,
    *,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Such as my-net, for the distribution zoo-my-net.", show_default=False),
    ],
    kind: Annotated[
        str,
        typer.Option("--kind", metavar="KIND", help="model, dataset, trainer, quantizer, target or tracker."),
    ] = "model",
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="NAME", help="Use case of a model; classification when not given."),
    ] = None,
    parent: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Folder that gets the new folder zoo-NAME.")
    ] = Path(),
) -> None:
    """Write a distribution with one component, its tests and its licence."""
    from zoo_core.scaffold.kinds import choose
    from zoo_core.scaffold.naming import PluginName
    from zoo_core.scaffold.writing import next_commands, place_problems, render

    names = PluginName(name)
    folder = parent / names.distribution
    variant, problems = choose(kind, task)
    wrong = names.problems()
    if not wrong:
        problems += place_problems(folder) + _taken(session, variant, names)
    problems = [*wrong, *problems]
    if problems or variant is None:
        text = [f"The plugin cannot be written, for {len(problems)} reason{'s' if len(problems) > 1 else ''}:"]
        raise UserError(
            "\n".join([*text, *(f"  {problem}" for problem in problems)]), hint="See: zoo new plugin --help"
        )
    written = render(names, variant, folder).write()
    commands = next_commands(names, variant, folder)
    if session.json:
        output.emit_json(
            {
                "distribution": names.distribution,
                "kind": kind,
                "component": names.component,
                "folder": str(folder.resolve()),
                "files": [path.relative_to(folder).as_posix() for path in written],
                "next": list(commands),
            }
        )
        return
    output.emit_text(f"Wrote {folder}: {kind} {names.component} in {len(written)} files. Next:")
    output.emit_text("\n".join(f"  {command}" for command in commands))


def _taken(session: Session, variant: Variant | None, names: PluginName) -> list[str]:
    """Return in words which installed components have the name already; use cases may share the names of models."""
    if variant is None:
        return []
    registry = session.catalog().registry(variant.kind)
    labels = (names.component, names.board) if variant.kind == "target" else (names.component,)
    return [
        f"{owner.provider} has a {variant.kind} {label} already"
        for label in labels
        for owner in registry.owners(label)
        if getattr(owner.spec, "task", variant.task) == variant.task
    ]
