"""Own the border around the code of plugins: whatever fails there is reported under the plugin's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zoo_core.errors import PluginError, ZooError

MAX_ERROR_CHARACTERS = 500


def describe_error(error: BaseException) -> str:
    """Return `Type: text` of an exception on one line, even when its own text cannot be had."""
    try:
        text = " ".join(str(error).split())
    except (Exception, SystemExit):  # noqa: BLE001 - the `__str__` of a foreign exception may do anything
        text = "(its text could not be read)"
    if len(text) > MAX_ERROR_CHARACTERS:
        text = f"{text[:MAX_ERROR_CHARACTERS]}..."
    name = type(error).__name__
    return f"{name}: {text}" if text else name


@contextmanager
def plugin_code(distribution: str, version: str, what: str) -> Iterator[None]:
    """Run code of a plugin so that an unexpected exception names the plugin first.

    Errors that already say what to do pass through unchanged, and so does an interruption by the user.

    Args:
        distribution: Distribution the code belongs to, such as `zoo-acme`.
        version: Its version.
        what: What the code was asked for, such as `build of model acme_net`.

    Raises:
        PluginError: When the code raised anything that is no `ZooError`; the cause is kept.
    """
    try:
        yield
    except ZooError:
        raise
    except Exception as error:
        msg = f"{distribution} {version} failed in {what}: {describe_error(error)}"
        raise PluginError(msg, hint="Run with --debug to see the traceback.") from error
