"""Own the classes of commands and groups: help that reads well, subcommands that load when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from zoo_core.errors import UserError
from zoo_core.lazy import LazyRef
from zoo_core.names import did_you_mean

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter, Parameter


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Name the Typer application of a command and say in one line what it does, so that help imports nothing."""

    app: LazyRef[typer.Typer]
    summary: str


class PlainCommand(TyperCommand):
    """Show arguments in usage and help just as their `metavar` writes them."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return the pieces of the usage line after the command's name."""
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return [self.options_metavar or "", *(str(param.metavar or param.name) for param in arguments)]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write arguments and options; usage and brackets say already what is required."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            params = [param for param in self.get_params(ctx) if param.param_type_name == kind]
            records = [(param, record) for param in params if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl([_help_row(param, record) for param, record in records])


class CommandGroup(TyperGroup):
    """Show help when no command is given, and suggest the command that a misspelt one stood for."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the options before the command; without any argument print the help and end well."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Find the command that the first argument names.

        Raises:
            UserError: When there is no such command, with the nearest one.
        """
        known = self.list_commands(ctx)
        if args[0] in known or args[0].startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        cure = [did_you_mean(args[0], known), f"See: {ctx.command_path} --help"]
        raise UserError(
            f'{ctx.command_path} has no command "{args[0]}".', hint="\n".join(line for line in cure if line)
        )

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the commands before the options, since they are what a reader looks for."""
        self.format_commands(ctx, formatter)
        options = [record for param in self.get_params(ctx) if (record := param.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(options)


class LazyGroup(CommandGroup):
    """Hold commands as a static table; a command module is imported when that command is called."""

    table: ClassVar[Mapping[str, LazyCommand]] = {}

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Import the command and return it, or nothing when the table has no such name."""
        entry = self.table.get(cmd_name)
        return None if entry is None else get_command(entry.app.load())

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write names and summaries from the table, importing nothing."""
        rows = [(name, self.table[name].summary) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _help_row(param: Parameter, record: tuple[str, str]) -> tuple[str, str]:
    name, text = record
    if param.param_type_name == "argument":
        name = str(param.metavar or param.name)
    return name, text.removesuffix("[required]").rstrip()
