"""Own the error tree: what went wrong, where, what to do, and the exit code that says so to a shell."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USER = 2
EXIT_MISSING = 3
EXIT_INTERRUPTED = 130


class ZooError(Exception):
    """Say in one message what is wrong and in `hint` what to do about it."""

    exit_code = EXIT_INTERNAL

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message followed by the hint, each on its own line."""
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


class ZooDeprecationWarning(DeprecationWarning):
    """Tell authors of plugins that something they use goes away with a coming version."""


def warn_deprecated(old: str, instead: str, removed_in: str, *, stacklevel: int = 1) -> None:
    """Warn that something goes out of use.

    Args:
        old: What is used, as its user writes it.
        instead: What to use in its place.
        removed_in: First version that no longer has it.
        stacklevel: Whose line the warning names: 1 that of the function that calls this one, 2 that of its caller.
    """
    message = f"{old} is deprecated and goes away in zoo-core {removed_in}; use {instead}."
    warnings.warn(ZooDeprecationWarning(message), stacklevel=stacklevel + 1)


class UserError(ZooError):
    """Report a mistake that the user can mend in the configuration, the data or the command line."""

    exit_code = EXIT_USER


class MissingError(ZooError):
    """Report something absent from this machine: a package, a plugin, a tool, weights, a login."""

    exit_code = EXIT_MISSING


class PluginError(ZooError):
    """Report that the code of a plugin failed, naming the distribution and its version first."""


class DataError(UserError):
    """Report a data set that cannot serve the run: no images, one class, folders that differ."""


class UnreadableImageError(DataError):
    """Report one image file that cannot be decoded; loaders catch it, count it and go on."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause

    def __reduce__(self) -> tuple[type[UnreadableImageError], tuple[str, str]]:
        """Let the error cross the border of a loader process."""
        return type(self), (self.path, self.cause)


class ChainError(UserError):
    """Report a chain of services that cannot run: a stage lacks the model it needs."""


class RunStoreError(UserError):
    """Report a run directory that cannot be written or read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigIssue:
    """Describe one problem of a configuration: dotted key, place, what was expected, the cure."""

    key: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None

    @property
    def where(self) -> str:
        """Return `file:line`, `file`, or an empty string when the key stands in no file."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        """Return `key (file:line): message. hint`."""
        place = f" ({self.where})" if self.where else ""
        cure = f" {self.hint}" if self.hint else ""
        return f"{self.key}{place}: {self.message}{cure}"


class ConfigError(UserError):
    """Carry every problem that was found in a configuration, so that one run shows them all."""

    def __init__(self, issues: Iterable[ConfigIssue]) -> None:
        self.issues: tuple[ConfigIssue, ...] = tuple(issues)
        count = len(self.issues)
        title = f"{count} problem{'s' if count != 1 else ''} in the configuration"
        super().__init__("\n".join([f"{title}:", *(f"  {issue}" for issue in self.issues)]))
