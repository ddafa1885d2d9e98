"""Own the resolution of `${key}`, `${now:...}` and environment variables, gathering every failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo_core.config.issues import make_issue
from zoo_core.config.origins import Origins, Place
from zoo_core.config.yaml_file import YamlFile
from zoo_core.errors import ConfigIssue
from zoo_core.names import did_you_mean

VARIABLE = re.compile(r"(?<!\\)\$\{(\w+)\}")
REFERENCE = re.compile(r"Interpolation key '([^']*)' not found")
UNSET = re.compile(r"Environment variable '([^']*)' not found")
MAX_DEPTH = 30


def use_environment(value: Any, keys: frozenset[str]) -> Any:
    """Turn `${NAME}` into a reference to the environment, unless NAME is a key of the file."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: match[0] if match[1] in keys else f"${{oc.env:{match[1]}}}", value)
    if isinstance(value, dict):
        return {key: use_environment(item, keys) for key, item in value.items()}
    if isinstance(value, list):
        return [use_environment(item, keys) for item in value]
    return value


def malformed_references(file: YamlFile) -> list[ConfigIssue]:
    """Return an issue per text whose `${...}` does not follow the grammar, such as one without its brace."""
    from omegaconf.errors import GrammarParseError
    from omegaconf.grammar_parser import parse

    issues = []
    for key, text in file.references.items():
        try:
            parse(text)
        except GrammarParseError:
            message = (
                f"the reference in {text!r} cannot be read; expected ${{key}}, ${{VARIABLE}} or ${{name:argument}}"
            )
            issues.append(make_issue(key, message, Place(str(file.path), file.lines[key])))
    return issues


@dataclass(slots=True)
class Resolver:
    """Turn composed values into plain ones, key by key, noting what cannot be resolved."""

    origins: Origins
    raw: Mapping[Any, Any]
    issues: list[ConfigIssue] = field(default_factory=list)

    def plain(self, node: Any, key: str = "", depth: int = 0) -> Any:
        """Return dictionaries, lists and scalars; a value that fails stays as it was written."""
        from omegaconf import DictConfig, ListConfig

        if not isinstance(node, DictConfig | ListConfig):
            return node
        if depth > MAX_DEPTH:
            self._complain(key, f"the section refers to itself, or is nested deeper than {MAX_DEPTH} levels")
            return {}
        if isinstance(node, ListConfig):
            return [self.item(node, index, key, depth) for index in range(len(node))]
        return {str(name): self.item(node, name, key, depth) for name in node}

    def item(self, node: Any, name: Any, key: str = "", depth: int = 0) -> Any:
        """Return one entry of a section or list, resolved; what fails is noted and becomes `???`."""
        from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

        full = f"{key}.{name}" if key else str(name)
        try:
            return self.plain(node[name], full, depth + 1)
        except MissingMandatoryValue:
            self._complain(full, "a value is needed in place of ???")
        except OmegaConfBaseException as error:
            self._explain(full, str(error))
        except (ValueError, TypeError, RecursionError) as error:
            self._complain(full, f"the reference cannot be resolved: {' '.join(str(error).split())}")
        return "???"

    def _explain(self, key: str, text: str) -> None:
        if match := UNSET.search(text):
            name = match[1]
            inner = [f"${{{known}}}" for known in _dotted(self.raw) if known.endswith(f".{name}")]
            cure = f"For another key write {' or '.join(inner)}." if inner else f"Set it: export {name}=..."
            self._complain(key, f"the environment variable {name} is not set", cure)
        elif match := REFERENCE.search(text):
            near = did_you_mean(match[1], list(_dotted(self.raw)))
            self._complain(key, f"${{{match[1]}}} refers to a key that does not exist", near)
        else:
            reason = " ".join(text.partition("full_key:")[0].split())
            self._complain(key, f"the reference cannot be resolved: {reason}")

    def _complain(self, key: str, message: str, hint: str | None = None) -> None:
        self.issues.append(make_issue(key, message, self.origins.nearest(key), hint=hint))


def _dotted(data: Mapping[Any, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in data.items():
        key = f"{prefix}{name}"
        found.append(key)
        if isinstance(value, Mapping):
            found.extend(_dotted(value, f"{key}."))
    return found
