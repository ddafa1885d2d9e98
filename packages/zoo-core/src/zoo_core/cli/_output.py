"""Own everything the command line prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from itertools import zip_longest
from pathlib import Path
from typing import Any, TextIO

import typer

from zoo_core.errors import EXIT_INTERNAL, ConfigError, ConfigIssue, ZooError

SCHEMA_VERSION = 1
"""Version of every JSON document; raised when a key changes its meaning or goes away."""

GAP = 2
"""Blanks between two columns."""
MESSAGE_INDENT = " " * 2
ISSUE_INDENT = " " * 6
LEAST_WRAPPED = 40
"""Characters that a column of sentences should have at least."""
LEAST_FOLDED = 10
"""Characters down to which a column of sentences gives way before names are broken."""
_notes_hidden = ContextVar("notes_hidden", default=False)


def emit_text(text: str = "") -> None:
    """Print text that the user asked for."""
    typer.echo(text)


def emit_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document, its schema version first."""
    typer.echo(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2, ensure_ascii=False, default=str))


def emit_raw_json(document: Mapping[str, Any]) -> None:
    """Print a JSON document whose form another standard fixes."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def emit_fields(fields: Iterable[tuple[str, str | Sequence[str] | None]]) -> None:
    """Print names and values in two columns, leaving out what is empty; a sequence takes a line per entry."""
    filled = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _ in filled), default=0)
    for name, value in filled:
        first, *others = [value] if isinstance(value, str) else value
        typer.echo(f"{paint(name.ljust(width), 'bold')}  {first}")
        for other in others:
            typer.echo(f"{' ' * width}  {other}")


def emit_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    wrap: Collection[str] = (),
    right: Collection[str] = (),
    spare: Sequence[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print a table: fitted to a terminal, complete and unwrapped where a program reads.

    Args:
        columns: Heads, from left to right.
        rows: Cells, one text per column.
        wrap: Columns whose text may be broken between words to fit.
        right: Columns of numbers, set to the right.
        spare: Columns to leave out of a terminal that is too narrow, the first to go first.
        styles: Colours of cells by their whole text, such as `{"broken": "red"}`.
    """
    cells = [list(columns), *(list(row) for row in rows)]
    width: int | None = None
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        cells = _without_spare(cells, width, wrap=wrap, spare=spare)
    texts = [[[line.rstrip() for line in cell.split("\n")] for cell in row] for row in cells]
    widths = [max(_room(line) for cell in column for line in cell) for column in zip(*texts, strict=True)]
    titles = cells[0]
    if width is not None and sum(widths) + GAP * (len(widths) - 1) > width:
        widths = _narrowed(widths, width, {index for index, title in enumerate(titles) if title in wrap})
        texts = [[_broken(cell, widths[index]) for index, cell in enumerate(row)] for row in texts]
    places = {index for index, title in enumerate(titles) if title in right}
    painted = [dict.fromkeys(range(len(titles)), "bold"), *(_styles_of(row, styles) for row in cells[1:])]
    lines = [line for row, paints in zip(texts, painted, strict=True) for line in _row(row, widths, places, paints)]
    if width is not None:
        lines.insert(max(map(len, texts[0])), _rule() * (sum(widths) + GAP * (len(widths) - 1)))
    typer.echo("\n".join(lines))


def _without_spare(
    cells: Sequence[Sequence[str]], width: int, *, wrap: Collection[str], spare: Sequence[str]
) -> list[list[str]]:
    """Leave spare columns out, the first to go first, until the rest has room in a terminal."""
    columns = cells[0]
    kept = list(range(len(columns)))
    longest = [max(len(row[index]) for row in cells) for index in kept]
    needed = [min(size, LEAST_WRAPPED) if title in wrap else size for title, size in zip(columns, longest, strict=True)]
    for title in spare:
        if sum(needed[index] + GAP for index in kept) - GAP <= width:
            break
        kept.remove(list(columns).index(title))
    return [[row[index] for index in kept] for row in cells]


def _narrowed(widths: Sequence[int], width: int, wrapped: Collection[int]) -> list[int]:
    """Take room from the widest columns that may be wrapped, and from the others when that is not enough."""
    found = list(widths)
    for group, least in ((wrapped, LEAST_FOLDED), (range(len(found)), 1)):
        while sum(found) + GAP * (len(found) - 1) > width:
            widest = max(group, key=found.__getitem__, default=None)
            if widest is None or found[widest] <= least:
                break
            found[widest] -= 1
    return found


def _broken(lines: Sequence[str], width: int) -> list[str]:
    """Break lines between words, and inside words that are longer than a line."""
    found: list[str] = []
    for line in lines:
        if _room(line) <= width:
            found.append(line)
            continue
        found.append("")
        for word in line.split():
            if found[-1] and _room(found[-1]) + 1 + _room(word) <= width:
                found[-1] += f" {word}"
                continue
            if found[-1]:
                found.append("")
            for letter in word:
                if found[-1] and _room(found[-1]) + _room(letter) > width:
                    found.append("")
                found[-1] += letter
    return found


def _styles_of(row: Sequence[str], styles: Mapping[str, str] | None) -> Mapping[int, str]:
    if not styles:
        return {}
    return {index: styles[cell] for index, cell in enumerate(row) if cell in styles}


def _row(
    row: Sequence[Sequence[str]], widths: Sequence[int], right: Collection[int], paints: Mapping[int, str]
) -> Iterator[str]:
    """Yield the lines of a row, columns under each other."""
    coloured = bool(paints) and _coloured(sys.stdout)
    for line in zip_longest(*row, fillvalue=""):
        parts = []
        for index, (text, width) in enumerate(zip(line, widths, strict=True)):
            blank = " " * (width - _room(text))
            shown = _styled(text, paints[index]) if coloured and text and index in paints else text
            parts.append(blank + shown if index in right else shown + blank)
        yield (" " * GAP).join(parts).rstrip()


def _styled(text: str, style: str) -> str:
    return typer.style(text, bold=True) if style == "bold" else typer.style(text, fg=style)


def _rule() -> str:
    return "─" if (sys.stdout.encoding or "").lower().startswith("utf") else "-"


def _room(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in {"W", "F"})
        for letter in text
    )


def emit_warning(text: str) -> None:
    """Tell of something that does not stop the command."""
    _emit_message(paint("warning:", "yellow", stream=sys.stderr), text)


def hide_notes() -> None:
    """Print no notes until the end of the command."""
    _notes_hidden.set(True)


def emit_note(text: str) -> None:
    """Tell of something the command decided for the user, unless notes are hidden."""
    if not _notes_hidden.get():
        _write_note(text)


def emit_progress(text: str) -> None:
    """Tell how far the command is."""
    typer.echo(text, err=True)


def emit_error(
    error: BaseException, *, as_json: bool = False, debug: bool = False, run_dir: Path | None = None
) -> None:
    """Say what is wrong, where, and what to do.

    Args:
        error: What ended the command.
        as_json: Whether to print the same as a document as well.
        debug: Whether to show the traceback first.
        run_dir: Folder of the run that failed, with which the user can go on.
    """
    if as_json:
        emit_json({"error": error_document(error, run_dir)})
    if debug:
        typer.echo("".join(traceback.format_exception(error)), err=True)
    label = paint("error:", "red", stream=sys.stderr)
    if isinstance(error, ConfigError):
        typer.echo(f"{label} {_render_issues(error.issues)}", err=True)
    elif isinstance(error, ZooError):
        _emit_message(label, str(error))
    else:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        cure = "" if debug else "\nThis is a fault of the program, not yours. Run again with --debug for the traceback."
        _emit_message(paint("internal error:", "red", stream=sys.stderr), text + cure)
    if run_dir is not None:
        kept = "Finished stages are kept. Continue, once this is mended, with:"
        _write_note(f"{kept}\nzoo run --resume {short_path(run_dir)}")


def emit_interruption(run_dir: Path | None) -> None:
    """Say that the user stopped the command, and how to go on when a run was under way."""
    label = paint("interrupted:", "yellow", stream=sys.stderr)
    if run_dir is None:
        _emit_message(label, "Stopped by the user.")
    else:
        kept = "Finished stages and epochs are kept."
        _emit_message(label, f"{kept}\nContinue with: zoo run --resume {short_path(run_dir)}")


def error_document(error: BaseException, run_dir: Path | None = None) -> dict[str, Any]:
    """Return the JSON form of an error."""
    document: dict[str, Any] = {
        "type": type(error).__name__,
        "exit_code": error.exit_code if isinstance(error, ZooError) else EXIT_INTERNAL,
        "message": error.message if isinstance(error, ZooError) else str(error),
        "hint": error.hint if isinstance(error, ZooError) else None,
        "run_dir": None if run_dir is None else str(run_dir),
    }
    if isinstance(error, ConfigError):
        document["issues"] = [
            {"key": issue.key, "message": issue.message, "hint": issue.hint, "file": issue.file, "line": issue.line}
            for issue in error.issues
        ]
    return document


def paint(text: str, style: str, *, stream: TextIO | None = None) -> str:
    """Return the text in a colour or weight when the stream is a terminal that shows it."""
    if not _coloured(stream or sys.stdout):
        return text
    return typer.style(text, bold=True) if style == "bold" else typer.style(text, fg=style, bold=True)


def short_path(path: str | Path) -> str:
    """Return a path relative to the current directory when it lies below it."""
    absolute = Path(path)
    try:
        return str(absolute.relative_to(Path.cwd())) if absolute.is_absolute() else str(absolute)
    except (ValueError, OSError):
        return str(absolute)


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _write_note(text: str) -> None:
    _emit_message(paint("note:", "cyan", stream=sys.stderr), text)


def _emit_message(label: str, text: str) -> None:
    first, *others = text.splitlines() or [""]
    lines = [_wrap(f"{label} {first}", "", MESSAGE_INDENT), *(_wrap(line, MESSAGE_INDENT) for line in others)]
    typer.echo("\n".join(lines), err=True)


def _wrap(text: str, indent: str, later: str | None = None) -> str:
    """Indent a line, and break it between words where it is read on a terminal; programs get it whole."""
    if not sys.stderr.isatty():
        return f"{indent}{text}"
    return textwrap.fill(
        text,
        shutil.get_terminal_size().columns,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )


def _render_issues(issues: Sequence[ConfigIssue]) -> str:
    title = f"{len(issues)} problem{'s' if len(issues) != 1 else ''} in the configuration:"
    return "\n\n".join([title, *(_render_issue(issue) for issue in issues)]) + "\n"


def _render_issue(issue: ConfigIssue) -> str:
    place = "" if issue.file is None else short_path(issue.file)
    if place and issue.line is not None:
        place = f"{place}:{issue.line}"
    head = "  ".join(part for part in (paint(issue.key, "bold", stream=sys.stderr), place) if part)
    body = [*issue.message.splitlines(), *(issue.hint or "").splitlines()]
    return "\n".join([f"  {head}", *(_wrap(line, ISSUE_INDENT) for line in body)])
