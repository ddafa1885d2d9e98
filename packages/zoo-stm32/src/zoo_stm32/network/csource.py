"""Own the reading of generated C: its functions, their parameters, and the calls of the entry function.

Nothing is guessed: text of an unexpected form is refused, because the arena is only right for what was understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from zoo_core.errors import ZooError

ENTRY = "network"
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
BRACE = re.compile(r"[{}]")
HEAD = re.compile(r"(?P<attributes>(?:\b(?:EMX_NODE_FN|static|inline)\b\s*)*)(?P<result>[\w\s*]+?)\b(?P<name>\w+)\s*$")
PARAMETER = re.compile(
    r"^(?P<const>const )?(?P<type>(?:unsigned |long )*\w+) (?P<stars>\**)(?P<name>\w+)(?P<dims>(?:\[\d+\])*)$"
)
CONSTANT = re.compile(r"^const EMX_UNUSED \w+ weight\w+(?:\[\d+\])+ =$")
DECLARATION = re.compile(r"^(?P<type>\w+) (?P<name>\w+)(?P<dims>(?:\[\d+\])+)$")
CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>[\w\s,]*)\)$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe a parameter of a layer function: an array, or a scalar when it has no dimensions."""

    name: str
    c_type: str
    dims: tuple[int, ...]
    constant: bool

    @property
    def elements(self) -> int:
        """Return the number of elements."""
        return prod(self.dims)

    def declaration(self) -> str:
        """Return the parameter as it is declared."""
        dims = "".join(f"[{dim}]" for dim in self.dims)
        return f"{'const ' if self.constant else ''}{self.c_type} {self.name}{dims}"

    def cast(self) -> str:
        """Return the type of the pointer that the parameter really is."""
        inner = "".join(f"[{dim}]" for dim in self.dims[1:])
        pointer = f"(*){inner}" if inner else "*"
        return f"{'const ' if self.constant else ''}{self.c_type} {pointer}"


@dataclass(frozen=True, slots=True)
class Function:
    """Hold a function of a layer."""

    name: str
    parameters: tuple[Parameter, ...]
    body: str
    """Text between the outer braces."""


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one call of the entry function."""

    function: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what was read of a generated C file."""

    directives: tuple[str, ...]
    """Preprocessor lines before the functions, in their order."""
    helpers: Mapping[str, str]
    """Text of the small functions that layers share, by name, in an order in which they can stand."""
    functions: Mapping[str, Function]
    temporaries: Mapping[str, int]
    """Elements of each local array of the entry function."""
    calls: tuple[Call, ...]


def read_source(text: str) -> Source:
    """Read the C file of a network.

    Raises:
        ZooError: When the text does not have the form that emx-onnx-cgen 1.4 writes.
    """
    directives: list[str] = []
    helpers: dict[str, str] = {}
    functions: dict[str, Function] = {}
    entry: str | None = None
    for head, body in _top_level(COMMENT.sub("", text)):
        if body is None:
            directives.append(head)
            continue
        if CONSTANT.match(head):
            continue
        attributes, name, parameters = _head(head)
        if name == ENTRY:
            entry = body
        elif "EMX_NODE_FN" in attributes:
            functions[name] = Function(name, tuple(map(_parameter, parameters)), body)
        elif "static" in attributes:
            helpers[name] = f"{head} {{{body}}}"
        elif name != f"{ENTRY}_load":
            raise _unexpected(f"the function {name}", head)
    if entry is None:
        raise _unexpected("no entry function", text[-200:])
    temporaries, calls = _entry(entry, functions)
    return Source(tuple(directives), helpers, functions, temporaries, calls)


def identifiers(text: str) -> frozenset[str]:
    """Return every word of a C text."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", text))


def _unexpected(what: str, where: str) -> ZooError:
    msg = f"The generated C code has an unexpected form: {what}\n  {' '.join(where.split())[:300]}"
    return ZooError(
        msg, hint='Install the version that is known to work, pip install "emx-onnx-cgen==1.4.0", or report this.'
    )


def _top_level(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield preprocessor lines as (line, None) and functions as (head, body); declarations are passed over."""
    position, head = 0, ""
    while position < len(text):
        character = text[position]
        if character == "#" and not head.strip():
            end = _end_of_directive(text, position)
            yield text[position:end].rstrip(), None
            position, head = end, ""
        elif character == "{":
            end = _closing_brace(text, position)
            yield " ".join(head.split()), text[position + 1 : end]
            position, head = end + 1, ""
        else:
            head = "" if character == ";" else head + character
            position += 1
    if head.strip():
        raise _unexpected("it ends within something", head)


def _end_of_directive(text: str, start: int) -> int:
    end = start
    while True:
        end = text.find("\n", end)
        if end < 0:
            return len(text)
        if text[end - 1] != "\\":
            return end
        end += 1


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for match in BRACE.finditer(text, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    raise _unexpected("a brace is never closed", text[start : start + 200])


def _head(head: str) -> tuple[str, str, list[str]]:
    """Return attributes, name and the texts of the parameters of a function."""
    before, bracket, rest = head.partition("(")
    match = HEAD.match(before.strip())
    if match is None or not bracket or not rest.endswith(")"):
        raise _unexpected("this is no function", head)
    inside = rest[:-1].strip()
    return match["attributes"], match["name"], [] if inside in ("", "void") else inside.split(",")


def _dims(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def _parameter(text: str) -> Parameter:
    match = PARAMETER.match(" ".join(text.split()))
    if match is None or match["stars"] or not match["dims"]:
        raise _unexpected("a parameter of a layer is no array of fixed size", text)
    return Parameter(match["name"], match["type"], _dims(match["dims"]), bool(match["const"]))


def _entry(body: str, functions: Mapping[str, Function]) -> tuple[dict[str, int], tuple[Call, ...]]:
    temporaries: dict[str, int] = {}
    calls: list[Call] = []
    for raw in body.split(";"):
        statement = " ".join(raw.split())
        if not statement:
            continue
        declared, called = DECLARATION.match(statement), CALL.match(statement)
        if declared:
            temporaries[declared["name"]] = prod(_dims(declared["dims"]))
        elif called and called["name"] in functions:
            arguments = tuple(part.strip() for part in called["arguments"].split(",") if part.strip())
            if len(arguments) != len(functions[called["name"]].parameters):
                raise _unexpected("a call does not fit its function", statement)
            calls.append(Call(called["name"], arguments))
        else:
            raise _unexpected("a statement of the entry function", statement)
    return temporaries, tuple(calls)
