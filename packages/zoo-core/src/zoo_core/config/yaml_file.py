"""Own the reading of one YAML file for what Hydra does not keep: the line of every key, and plain words for faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from zoo_core.config.issues import make_issue
from zoo_core.config.origins import Place
from zoo_core.errors import ConfigError, ConfigIssue

SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 4_000_000
MAX_NODES = 200_000
MERGE_TAG = "tag:yaml.org,2002:merge"
INT_TAG = "tag:yaml.org,2002:int"


@dataclass(frozen=True, slots=True)
class YamlFile:
    """Hold the line of every dotted key of a file, counted from 1; items of lists have numbers as keys."""

    path: Path
    text: str
    lines: dict[str, int]
    references: dict[str, str]
    """The texts that hold `${`, by key."""

    def top_level(self, section: str = "") -> list[str]:
        """Return the keys directly below a section, or those of the file."""
        prefix = f"{section}." if section else ""
        below = (key.removeprefix(prefix) for key in self.lines if key.startswith(prefix))
        return [key for key in below if "." not in key]


def read_yaml(path: Path) -> YamlFile:
    """Read a file and note where every key stands.

    Raises:
        ConfigError: When there is no such file, or it is empty, no YAML mapping, or names a key twice.
    """
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _fault(path, _explain(error), line=None if mark is None else mark.line + 1) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _fault(path, f"this is not YAML: {' '.join(str(error).split())}") from error
    if root is None:
        raise _fault(path, "the file is empty", hint="Start from: zoo init USE_CASE")
    if not isinstance(root, yaml.MappingNode):
        raise _fault(path, "expected sections such as `general:` and `model:` at the top level", line=1)
    walk = _Walk(path)
    walk.measure(root)
    walk.note(root, "")
    if walk.issues:
        raise ConfigError(walk.issues)
    return YamlFile(path=path, text=text, lines=walk.lines, references=walk.references)


def _read_text(path: Path) -> str:
    if path.suffix not in SUFFIXES:
        raise _fault(path, f"expected a file whose name ends in {' or '.join(SUFFIXES)}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _fault(path, f"the file is larger than {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _fault(path, "there is no such file", hint=_similar(path)) from error
    except UnicodeDecodeError as error:
        raise _fault(path, "the file is not UTF-8 text") from error
    except OSError as error:
        raise _fault(path, f"the file cannot be read: {error.strerror}") from error


def _similar(path: Path) -> str | None:
    folder = path.absolute().parent
    if not folder.is_dir():
        return f"There is no directory {folder} either."
    found = sorted(entry.name for entry in folder.iterdir() if entry.suffix in SUFFIXES)
    return f"{folder} holds {', '.join(found[:5])}." if found else None


def _fault(path: Path, message: str, *, line: int | None = None, hint: str | None = None) -> ConfigError:
    return ConfigError([make_issue("file", message, Place(str(path), line), hint=hint)])


def _explain(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "this is not YAML"
    if "'\\t'" in problem:
        return "a tab stands where only spaces are allowed"
    if "another document" in problem or "single document" in str(error.context):
        return "expected one document, found a second one after `---`"
    if "'`'" in problem:
        return "a value begins with a backtick; write it without backticks"
    if "alias" in f"{problem} {error.context}":
        return f"{problem}; a text that begins with * needs quotes"
    context = f" {error.context}" if error.context else ""
    return f"this is not YAML: {problem}{context}"


@dataclass(slots=True)
class _Walk:
    """Gather lines and faults of one file."""

    path: Path
    lines: dict[str, int] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    issues: list[ConfigIssue] = field(default_factory=list)

    def measure(self, root: yaml.Node) -> None:
        """Refuse a file whose anchors refer to themselves or multiply to an unreasonable size."""
        sizes: dict[int, int] = {}
        open_nodes: set[int] = set()

        def size(node: yaml.Node) -> int:
            if id(node) in open_nodes:
                raise _fault(self.path, "an anchor contains itself", line=node.start_mark.line + 1)
            if id(node) not in sizes:
                open_nodes.add(id(node))
                sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
                open_nodes.discard(id(node))
            return sizes[id(node)]

        if size(root) > MAX_NODES:
            raise _fault(self.path, f"the file holds more than {MAX_NODES} values")

    def note(self, node: yaml.Node, prefix: str) -> None:
        """Note the line of every key below a node."""
        if isinstance(node, yaml.MappingNode):
            self._note_mapping(node, prefix)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._note_item(str(index), item, item.start_mark.line + 1, prefix)

    def _note_mapping(self, node: yaml.MappingNode, prefix: str) -> None:
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == MERGE_TAG:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    self.note(merged, prefix)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(prefix, "a key must be a plain word", line)
                continue
            name = str(key_node.value)
            if name in seen:
                key = f"{prefix}.{name}" if prefix else name
                self._complain(key, f"the key stands twice; it is also in line {seen[name]}", line)
            seen[name] = line
            self._note_item(name, value, line, prefix)

    def _note_item(self, name: str, value: yaml.Node, line: int, prefix: str) -> None:
        key = f"{prefix}.{name}" if prefix else name
        self.lines[key] = line
        if isinstance(value, yaml.ScalarNode) and value.tag == INT_TAG and ":" in value.value:
            message = f"YAML reads {value.value} as a number in base 60; for a slice write ({value.value})"
            self._complain(key, message, line)
        if isinstance(value, yaml.ScalarNode) and "${" in value.value:
            self.references[key] = value.value
        self.note(value, key)

    def _complain(self, key: str, message: str, line: int) -> None:
        self.issues.append(make_issue(key or "file", message, Place(str(self.path), line)))


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value
