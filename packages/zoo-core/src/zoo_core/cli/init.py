"""Own `zoo init`: a commented configuration file for a use case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import DEFAULT_NAME
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.specs import TaskSpec

STANDARD_OUTPUT = Path("-")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=PlainCommand)
@shared_options
def init(
    session: Session,
    *,
    use_case: Annotated[
        str,
        typer.Argument(metavar="USE_CASE", help="Use case, as listed by `zoo list tasks`.", show_default=False),
    ],
    file: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="File to write; - prints the text instead.")
    ] = Path(DEFAULT_NAME),
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="NAME", help="A whole training with a known result instead.")
    ] = None,
) -> None:
    """Write a commented configuration file to start from."""
    task = session.catalog().tasks.resolve(use_case)
    text = _starter(task) if recipe is None else _recipe(task, recipe)
    if file == STANDARD_OUTPUT:
        output.emit_text(text.rstrip("\n"))
        return
    _write_new(file, text)
    if session.json:
        output.emit_json({"file": str(file.resolve())})
        return
    output.emit_text(f"Wrote {file}. Set the paths in it, then:")
    output.emit_text(f"  zoo config check {file}\n  zoo run {file}")


def _starter(task: Resolved[TaskSpec]) -> str:
    if task.spec.starter is None:
        msg = f"Use case {task.spec.name} of {task.provider} has no starter file."
        raise UserError(msg, hint=f"See the keys it takes: zoo show task {task.spec.name}")
    return task.load(task.spec.starter)


def _recipe(task: Resolved[TaskSpec], name: str) -> str:
    recipes = task.spec.recipes
    if name not in recipes:
        there = f"There are: {', '.join(sorted(recipes))}." if recipes else "It has none."
        near = did_you_mean(name, recipes)
        raise UserError(
            f'Use case {task.spec.name} has no recipe "{name}".', hint=" ".join(filter(None, (near, there)))
        )
    return task.load(recipes[name])


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        msg = f"{file.resolve()} exists already; it is left as it is."
        raise UserError(msg, hint="Choose another file with --output FILE.") from error
    except OSError as error:
        msg = f"Cannot write {file.resolve()}: {error.strerror}."
        raise UserError(msg, hint="Choose another file with --output FILE.") from error
