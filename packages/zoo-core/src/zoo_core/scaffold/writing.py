"""Own the writing of a plugin's folder: templates filled in, everything checked first, all files or none."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from zoo_core import API_VERSION, __version__
from zoo_core.errors import UserError
from zoo_core.scaffold.kinds import Variant
from zoo_core.scaffold.naming import PluginName

EVERY = "any"
"""Folder of the templates that every plugin shares."""
SUFFIX = ".template"
RUN = "run.md"
"""Template that the README takes in; no file of its own."""
RENAMED = {"gitignore": ".gitignore", "package": "{package}"}
"""Name in the folder of templates -> name in the plugin."""
PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """Hold the files of a new plugin, not yet written."""

    folder: Path
    """Folder of the plugin, which does not exist yet."""
    texts: Mapping[str, str]
    """Path below the folder -> text."""

    def write(self) -> tuple[Path, ...]:
        """Write all files and return their paths; after a failure none is there.

        Raises:
            UserError: When the folder has come to exist, or the disk is full, read-only or not ours.
        """
        parent = self.folder.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{self.folder.name}-", dir=parent) as place:
                draft = Path(place) / self.folder.name
                for name, text in self.texts.items():
                    path = draft / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8", newline="\n")
                if self.folder.exists():
                    raise UserError(f"{self.folder} exists already; it is left as it is.")
                draft.rename(self.folder)
        except OSError as error:
            msg = f"{self.folder.absolute()} cannot be written: {error.strerror}."
            raise UserError(msg, hint="Choose another place with --output DIR.") from error
        return tuple(self.folder / name for name in self.texts)


def place_problems(folder: Path) -> list[str]:
    """Return in words why no new folder can be made at a path."""
    if folder.exists() or folder.is_symlink():
        return [f"{folder} exists already; it is left as it is"]
    above = next(parent for parent in folder.parents if parent.exists())
    return [] if above.is_dir() else [f"{above} is a file, not a folder"]


def render(name: PluginName, variant: Variant, folder: Path) -> Scaffold:
    """Return the files of a plugin of that name and kind, ready to be written into a folder."""
    values = _values(name, variant)
    texts: dict[str, str] = {}
    for source in (EVERY, variant.templates):
        for path, template in _templates(files("zoo_core.scaffold") / "templates" / source, PurePosixPath()):
            texts[_renamed(path, name)] = template
    values["run"] = fill(texts.pop(RUN), values).strip()
    return Scaffold(folder=folder, texts={path: fill(texts[path], values) for path in sorted(texts)})


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in the places of a template, which are written `{{name}}`."""
    return PLACE.sub(lambda place: values[place[1]], template)


def next_commands(name: PluginName, variant: Variant, folder: Path) -> tuple[str, ...]:
    """Return the commands that install, test and use a new plugin."""
    place = folder if folder.is_absolute() else f"./{folder.as_posix()}"
    return (
        f"pip install --editable {shlex.quote(f'{place}[test]')}",
        f"pytest {shlex.quote(str(folder))}",
        " && ".join(_commands(name, variant, folder)),
    )


def _commands(name: PluginName, variant: Variant, folder: Path = Path()) -> tuple[str, ...]:
    place = "" if folder == Path() else f"{shlex.quote(folder.as_posix())}/"
    return tuple(command.format(component=name.component, folder=place) for command in variant.run)


def _values(name: PluginName, variant: Variant) -> dict[str, str]:
    floor = ".".join(__version__.split(".")[:2])
    needed = [f"{package}>={floor}" for package in variant.requires]
    tested = ["pytest", *(f"{package}>={floor}" for package in ("zoo-core[testing]", *variant.tested_with))]
    return {
        "name": name.plain,
        "distribution": name.distribution,
        "package": name.package,
        "component": name.component,
        "board": name.board,
        "kind": variant.kind,
        "api": str(API_VERSION),
        "summary": variant.summary.format(component=name.component),
        "dependencies": _quoted(needed),
        "tested": _quoted(tested),
        "commands": "\n".join(f"$ {command}" for command in _commands(name, variant)),
    }


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _templates(folder: Traversable, below: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield path and text of every template below a folder."""
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        if entry.is_dir():
            yield from _templates(entry, below / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield below / entry.name.removesuffix(SUFFIX), entry.read_text(encoding="utf-8")


def _renamed(path: PurePosixPath, name: PluginName) -> str:
    return "/".join(RENAMED.get(part, part).format(package=name.package) for part in path.parts)
