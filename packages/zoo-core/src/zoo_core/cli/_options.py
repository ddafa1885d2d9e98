"""Own the options that every command shares, declared once and taken before or after the command's name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from zoo_core.cli._session import Session

P = ParamSpec("P")
Command = Callable[Concatenate[Session, P], None]


def _shared(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress and no notes; results and warnings stay.")
    ] = False,
    plugins: Annotated[
        str | None,
        typer.Option("--plugins", metavar="NAMES", help="Load only these plugins, separated by commas."),
    ] = None,
    no_plugins: Annotated[bool, typer.Option("--no-plugins", help="Load only what zoo-core brings itself.")] = False,
    strict_plugins: Annotated[
        bool, typer.Option("--strict-plugins", help="Stop when any plugin has a problem.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Declare the shared options; only the signature is used."""


SHARED = tuple(inspect.signature(_shared, eval_str=True).parameters.values())


def shared_options(function: Command[P]) -> Callable[..., None]:
    """Give a command the shared options; it receives them as a `Session`, its first argument.

    A command that has an argument `context` of its own receives typer's as well.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    wants_context = context.name in {parameter.name for parameter in own}
    own = [parameter for parameter in own if parameter.name != context.name]

    @functools.wraps(function)
    def command(*, context: typer.Context, **values: Any) -> None:
        session = context.ensure_object(Session)
        session.update(**{parameter.name: values.pop(parameter.name) for parameter in SHARED})
        if wants_context:
            values["context"] = context
        function(session, **values)  # type: ignore[call-arg]  # values come from the signature given below

    keyword_only = (parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own)
    signature = inspect.Signature([*keyword_only, *SHARED, context])
    command.__signature__ = signature  # type: ignore[attr-defined]  # read by typer through inspect.signature
    return command
