"""Write the generated parts of the pages in this folder from the code; `--check` only says which are out of date.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the rest of a page is written by hand.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

DOCS = Path(__file__).parent
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
HELP_COLUMNS = "100"
UNKNOWN = "another value"
"""What a key takes that is only there to be refused with a better message."""


def main(arguments: list[str]) -> int:
    """Write or check every page and return the exit code."""
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        wanted = render(text)
        if wanted != text:
            stale.append(page.relative_to(DOCS.parent).as_posix())
            if "--check" not in arguments:
                page.write_text(wanted, encoding="utf-8")
    if not stale:
        return 0
    verb = "out of date, run make docs" if "--check" in arguments else "written"
    sys.stderr.write(f"{', '.join(stale)}: {verb}\n")
    return 1 if "--check" in arguments else 0


def render(text: str) -> str:
    """Return the text of a page with every generated part anew."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]().strip()}\n\n{found[3]}", text)


# ---------------------------------------------------------------- parts


def commands() -> str:
    """Return the help of `zoo` and of each of its commands, as a user sees it."""
    from typer.main import get_command

    from zoo_core.cli.main import app

    os.environ.update(COLUMNS=HELP_COLUMNS, NO_COLOR="1", TERM="dumb")
    sections = [f"## `{path}`\n\n```text\n{text.strip()}\n```" for path, text in _help(get_command(app), "zoo", None)]
    return "\n\n".join(sections)


def hooks() -> str:
    """Return one section per hook: signature, when it is called, example."""
    from zoo_core.hookspecs import DECLARING_HOOKS, LIFE_CYCLE_HOOKS, ZooSpecs

    sections = []
    for name in (*DECLARING_HOOKS, *LIFE_CYCLE_HOOKS):
        function = getattr(ZooSpecs, name)
        sections.append(f"## `{name}`\n\n```python\n{signature(function)}\n```\n\n{_docstring(function)}")
    return "\n\n".join(sections)


def services() -> str:
    """Return the table of services with what each needs and makes."""
    from zoo_core.config.sections import DatasetSection, ModelSection, PreprocessingSection, RunConfig
    from zoo_core.services.plan import READABLE
    from zoo_core.services.table import SERVICES

    def kinds(types_: Iterable[Any]) -> str:
        return ", ".join(READABLE[kind.kind] for kind in types_) or "-"

    sections = {"model": ModelSection(), "dataset": DatasetSection(), "preprocessing": PreprocessingSection()}
    config = RunConfig(operation_mode="training", use_case="classification", **sections)
    rows = [
        (
            f"`{service.letter}`",
            service.name,
            kinds(service.needs),
            "-" if service.makes is None else READABLE[service.makes.kind],
            ", ".join(sorted(service.reads(config))) or "-",
        )
        for service in SERVICES.values()
    ]
    return table(("letter", "service", "needs the newest of", "makes", "reads"), rows)


def errors() -> str:
    """Return the table of error classes with their exit codes."""
    from zoo_core import errors as module

    classes = [found for found in vars(module).values() if inspect.isclass(found) and issubclass(found, Exception)]
    rows = [
        (f"`{kind.__name__}`", f"`{kind.__bases__[0].__name__}`", str(kind.exit_code), _first_sentence(kind))
        for kind in classes
        if kind.__module__ == module.__name__
    ]
    return table(("class", "is a", "exit code", "meaning"), rows)


def sections() -> str:
    """Return one table of keys per section that every use case shares."""
    from zoo_core.config.sections import SECTION_TYPES

    return "\n\n".join(_section(name, kind) for name, kind in SECTION_TYPES.items())


def components() -> str:
    """Return one table per component that gives a section more keys, or a section of its own."""
    from zoo_core.config.sections import SECTION_TYPES
    from zoo_core.plugins import get_catalog

    catalog = get_catalog()
    found: dict[tuple[str, type[BaseModel]], list[str]] = {}
    for task in catalog.tasks.entries():
        for name, ref in task.spec.sections.items():
            found.setdefault((name, ref.load()), []).append(f"use case `{task.spec.name}`")
    for section, registry in (
        ("model", catalog.models),
        ("dataset", catalog.datasets),
        ("quantization", catalog.quantizers),
        ("training", catalog.trainers),
    ):
        for entry in registry.entries():
            if entry.spec.config is not None:
                who = f"{entry.spec.kind} `{entry.spec.name}`"
                found.setdefault((section, entry.spec.config.load()), []).append(who)
    for target in catalog.targets.entries():
        for name, ref in target.spec.sections.items():
            found.setdefault((name, ref.load()), []).append(f"target `{target.spec.name}`")
    parts = []
    for (name, kind), owners in found.items():
        shared = SECTION_TYPES.get(name)
        known = set(shared.model_fields) if shared is not None else set()
        if set(kind.model_fields) - known:
            parts.append(_section(name, kind, ", ".join(owners), known))
    return "\n\n".join(parts)


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "hooks": hooks,
    "services": services,
    "errors": errors,
    "sections": sections,
    "components": components,
}

# ---------------------------------------------------------------- text


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def signature(function: Callable[..., Any]) -> str:
    """Return the signature of a hook as its implementers write it, without `self`."""
    found = inspect.signature(function)
    parameters = [parameter for name, parameter in found.parameters.items() if name != "self"]
    text = str(found.replace(parameters=parameters)).replace("'", "")
    return f"def {function.__name__}{text}: ..."


def _section(name: str, kind: type[BaseModel], owner: str = "", known: Iterable[str] = ()) -> str:
    from zoo_core.cli._keys import section_keys

    title = f"### `{name}`" + (f" of {owner}" if owner else "")
    keys = [key for key in section_keys(kind) if key.name.partition(".")[0] not in known]
    refused = [key.name for key in keys if key.takes == UNKNOWN and not key.meaning]
    rows = [(f"`{key.name}`", key.takes, _default(key.default), key.meaning) for key in keys if key.name not in refused]
    parts = [title, _first_sentence(kind), table(("key", "takes", "default", "meaning"), rows)]
    if refused:
        parts.append(f"Known, but refused with a message in this version: {', '.join(f'`{key}`' for key in refused)}.")
    return "\n\n".join(parts)


def _default(text: str) -> str:
    from zoo_core.cli._keys import REQUIRED

    if text == REQUIRED:
        return "required"
    return "" if text in ("None", "[]", "{}") else f"`{text}`"


def _first_sentence(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def _docstring(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    body, _, example = text.partition("Example:\n")
    return f"{body.strip()}\n\n{inspect.cleandoc(example)}"


def _help(command: Any, path: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.context_class(command, info_name=path.rpartition(" ")[2], parent=parent)
    yield path, command.get_help(context)
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            yield from _help(command.get_command(context, name), f"{path} {name}", context)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
