"""Write the generated parts of the pages in this folder from the code; `--check` only says which are out of date.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the rest of a page is written by hand.
"""

from __future__ import annotations

import ast
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
    return PART.sub(lambda found: f"{found[1]}\n{part(found[2]).strip()}\n\n{found[3]}", text)


def part(name: str) -> str:
    """Return one generated part by its name, or by the name of a hook."""
    return PARTS[name]() if name in PARTS else hook(name)


# ---------------------------------------------------------------- parts


def commands() -> str:
    """Return the help of `zoo` and of each of its commands, as a user sees it."""
    from typer.main import get_command

    from zoo_core.cli.main import app

    os.environ.update(COLUMNS=HELP_COLUMNS, NO_COLOR="1", TERM="dumb")
    sections = [f"## `{path}`\n\n```text\n{text.strip()}\n```" for path, text in _help(get_command(app), "zoo", None)]
    return "\n\n".join(sections)


def hooks() -> str:
    """Return the table of hooks: when each is called, and its page."""
    rows = [(f"[`{name}`](hooks/{name}.md)", _first_sentence(_hook(name))) for name in _hook_names()]
    return table(("hook", "does"), rows)


def hook(name: str) -> str:
    """Return the page of one hook: signature, when it is called, example, fields of what it yields."""
    import zoo_core

    function = _hook(name)
    parts = [f"```python\n{signature(function)}\n```", _docstring(function)]
    yielded = re.fullmatch(r"Iterable\[(\w+)\]", str(inspect.signature(function).return_annotation).strip("'"))
    if yielded:
        parts += ["## What it yields", _fields_section(zoo_core.Spec), _fields_section(getattr(zoo_core, yielded[1]))]
    return "\n\n".join(parts)


def _hook(name: str) -> Callable[..., Any]:
    from zoo_core.hookspecs import ZooSpecs

    found: Callable[..., Any] = getattr(ZooSpecs, name)
    return found


def _hook_names() -> tuple[str, ...]:
    from zoo_core.hookspecs import DECLARING_HOOKS, LIFE_CYCLE_HOOKS

    return *DECLARING_HOOKS, *LIFE_CYCLE_HOOKS


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

    classes = [
        found for found in vars(module).values() if inspect.isclass(found) and issubclass(found, module.ZooError)
    ]
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


def specs() -> str:
    """Return one section per kind of spec: what it declares, and its fields."""
    from zoo_core import specs as module
    from zoo_core.plugins.catalog import SPEC_TYPES

    kinds: list[type] = [module.Spec, *SPEC_TYPES.values(), module.TaskFiles, module.QuantizationLimits, module.Finding]
    return "\n\n".join(_fields_section(kind) for kind in kinds)


def protocols() -> str:
    """Return one section per protocol, with its methods as an author writes them."""
    from zoo_core import protocols as module

    found = [getattr(module, name) for name in module.__all__]
    kinds = [kind for kind in found if inspect.isclass(kind) and getattr(kind, "_is_protocol", False)]
    return "\n\n".join(_protocol_section(kind) for kind in kinds)


def jobs() -> str:
    """Return one section per class of values that core hands to a component or takes from it."""
    import dataclasses

    from zoo_core import artifacts, charts, protocols, results

    found: list[Any] = [getattr(protocols, name) for name in protocols.__all__]
    for module in (results, charts, artifacts):
        found += [kind for kind in vars(module).values() if getattr(kind, "__module__", None) == module.__name__]
    kinds: list[type] = [kind for kind in found if inspect.isclass(kind) and dataclasses.is_dataclass(kind)]
    return "\n\n".join(_fields_section(kind) for kind in kinds)


def exports() -> str:
    """Return the table of everything that `zoo_core` exports, by the module that defines it."""
    import zoo_core

    homes: dict[str, list[str]] = {}
    for name in sorted(zoo_core.EXPORTS.names(), key=str.casefold):
        homes.setdefault(zoo_core.EXPORTS.home(name), []).append(f"`{name}`")
    return table(("from", "names"), [(f"`{home}`", ", ".join(names)) for home, names in sorted(homes.items())])


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "hooks": hooks,
    "services": services,
    "errors": errors,
    "sections": sections,
    "components": components,
    "specs": specs,
    "protocols": protocols,
    "jobs": jobs,
    "exports": exports,
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


def _definition(kind: type) -> ast.ClassDef:
    """Return the statement that defines a class."""
    source = ast.parse(inspect.getsource(inspect.getmodule(kind) or kind))
    return next(node for node in source.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)


def _title(kind: type, node: ast.ClassDef) -> str:
    bases = [ast.unparse(base) for base in node.bases if ast.unparse(base) != "Protocol"]
    return f"### `{kind.__name__}`" + (f", a kind of {', '.join(f'`{base}`' for base in bases)}" if bases else "")


def _fields_section(kind: type) -> str:
    """Return title, sentence and table of fields of a dataclass, without those of its base."""
    node = _definition(kind)
    rows = []
    for item, following in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation = ast.unparse(item.annotation)
        if annotation.startswith("ClassVar"):
            continue
        default = "required" if item.value is None else f"`{_made_by_factory(ast.unparse(item.value))}`"
        rows.append((f"`{item.target.id}`", f"`{annotation}`", default, _docstring_after(following)))
    parts = [_title(kind, node), inspect.getdoc(kind) or ""]
    return "\n\n".join([*parts, table(("field", "type", "default", "meaning"), rows)] if rows else parts)


def _docstring_after(node: ast.stmt | None) -> str:
    """Return the sentences that stand below a field."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return ""


def _made_by_factory(text: str) -> str:
    found = re.fullmatch(r"field\(default_factory=(\w+)\)", text)
    return f"{found[1]}()" if found else text


def _protocol_section(kind: type) -> str:
    """Return title, sentence and methods of a protocol."""
    node = _definition(kind)
    lines = []
    for item in node.body:
        match item:
            case ast.AnnAssign():
                lines.append(ast.unparse(item))
            case ast.FunctionDef():
                lines += [f"@{ast.unparse(decorator)}" for decorator in item.decorator_list]
                result = "" if item.returns is None else f" -> {ast.unparse(item.returns)}"
                text = inspect.cleandoc(ast.get_docstring(item) or "")
                body = "\n".join(f"    {line}".rstrip() for line in f'"""{text}"""'.splitlines())
                lines.append(f"def {item.name}({ast.unparse(item.args)}){result}:\n{body}")
    return "\n\n".join([_title(kind, node), inspect.getdoc(kind) or "", "```python\n" + "\n".join(lines) + "\n```"])


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
