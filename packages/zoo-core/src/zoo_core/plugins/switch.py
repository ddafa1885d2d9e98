"""Own disabling and enabling of plugins in the user's file, without loading any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import UserError
from zoo_core.plugins.discovery import PluginSource, discover, guess_plugin
from zoo_core.plugins.registry import canonical_distribution
from zoo_core.plugins.user_file import DIRECTORY_VARIABLE, find_user_file, read_disabled, write_disabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """Report what a switch did."""

    plugins: tuple[str, ...]
    """Plugins that the name stood for."""
    changed: bool
    """Whether any of them was in the other state before."""
    disabled: tuple[str, ...]
    """Names in the file now."""
    file: Path


def disable_plugin(name: str) -> Switched:
    """Note in the user's file that a plugin, or all plugins of a distribution, are not to be loaded.

    Raises:
        UserError: When no such plugin is installed, it is the built-in one, or the file cannot be read or written.
    """
    file, installed = _place(), discover()
    kept = read_disabled(file)
    chosen = [source for source in installed if canonical_distribution(name) in source.labels]
    if not chosen:
        raise _unknown(name, installed)
    if any(source.builtin for source in chosen):
        raise UserError(f"Plugin {name} is part of zoo-core itself and cannot be disabled.")
    changed = not all(_named(source, kept) for source in chosen)
    if changed:
        kept = (*kept, canonical_distribution(name))
        write_disabled(file, kept)
    return _report(chosen, changed=changed, kept=kept, file=file)


def enable_plugin(name: str) -> Switched:
    """Take a plugin, or all plugins of a distribution, out of the user's file.

    A name that stands in the file is understood even when its plugin is not installed any more.

    Raises:
        UserError: When the name is neither installed nor in the file, or the file cannot be read or written.
    """
    file, installed = _place(), discover()
    before = read_disabled(file)
    label = canonical_distribution(name)
    chosen = [source for source in installed if label in source.labels]
    names = {canonical_distribution(kept) for kept in before}
    if not chosen and label not in names:
        raise _unknown(name, installed, before)
    freed = {label, *(label for source in chosen for label in source.labels)}
    kept = [disabled for disabled in before if canonical_distribution(disabled) not in freed]
    # Others that were disabled under the same name, that of their distribution, stay so under their own.
    for source in installed:
        if source not in chosen and _named(source, before) and not _named(source, kept):
            kept.append(canonical_distribution(source.name))
    changed = len(kept) != len(before) or set(kept) != set(before)
    if changed:
        write_disabled(file, kept)
    return _report(chosen, changed=changed, kept=kept, file=file, otherwise=name)


def _place() -> Path:
    file = find_user_file()
    if file is None:
        msg = "There is no folder for the list of disabled plugins, since this user has no home."
        raise UserError(msg, hint=f"Name one: {DIRECTORY_VARIABLE}=DIR")
    return file


def _named(source: PluginSource, names: Sequence[str]) -> bool:
    return not source.labels.isdisjoint(canonical_distribution(name) for name in names)


def _unknown(name: str, installed: Sequence[PluginSource], others: Sequence[str] = ()) -> UserError:
    spellings = {*others, *(label for source in installed for label in (source.name, source.distribution))}
    msg = f'No installed plugin is named "{name}".{guess_plugin(name, spellings)}'
    return UserError(msg, hint="See: zoo plugins")


def _report(
    chosen: Sequence[PluginSource], *, changed: bool, kept: Sequence[str], file: Path, otherwise: str = ""
) -> Switched:
    return Switched(
        plugins=tuple(source.name for source in chosen) or (otherwise,),
        changed=changed,
        disabled=tuple(sorted(set(kept))),
        file=file,
    )
