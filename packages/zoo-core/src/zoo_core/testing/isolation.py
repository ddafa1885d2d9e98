"""Own tests in a fresh interpreter: running code there, and plugins that look installed to it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.plugins.selection import ENVIRONMENT_VARIABLE

DEFAULT_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedRun:
    """Report what code did in a fresh interpreter."""

    returncode: int
    stdout: str
    stderr: str
    modules: frozenset[str]
    """Names in `sys.modules` at the end; empty when the interpreter was killed."""


def run_isolated(
    code: str,
    *,
    paths: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    cwd: Path | None = None,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
) -> IsolatedRun:
    """Run Python code in a fresh interpreter and report its output, exit status and loaded modules.

    Args:
        code: Source text; common indentation is removed.
        paths: Folders put first on the module search path, for example one written by `write_plugin`.
        env: Variables added to the environment. `ZOO_PLUGINS` is not inherited.
        arguments: What the code finds in `sys.argv[1:]`.
        cwd: Working directory.
        timeout: Seconds after which the interpreter is killed.

    Raises:
        subprocess.TimeoutExpired: When the code takes longer.
    """
    environ = {key: value for key, value in os.environ.items() if key != ENVIRONMENT_VARIABLE}
    if paths:
        inherited = [environ["PYTHONPATH"]] if environ.get("PYTHONPATH") else []
        environ["PYTHONPATH"] = os.pathsep.join([*(str(path.resolve()) for path in paths), *inherited])
    environ.update(env or {})
    with tempfile.TemporaryDirectory(prefix="zoo-isolated-") as folder:
        listing = Path(folder) / "modules.txt"
        program = f"{_prelude(listing)}\n{textwrap.dedent(code)}"
        done = subprocess.run(  # noqa: S603 - this interpreter with the caller's own code, no shell
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environ,
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
        modules = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    return IsolatedRun(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr, modules=frozenset(modules))


def _prelude(listing: Path) -> str:
    """Return one line of code that writes the loaded modules to a file when the interpreter ends."""
    return (
        "import atexit as _a, sys as _s; "
        f"_a.register(lambda: open({str(listing)!r}, 'w', encoding='utf-8').write('\\n'.join(_s.modules)))"
    )


def write_plugin(
    folder: Path,
    distribution: str,
    version: str,
    entry_name: str,
    source: str,
    *,
    files: Mapping[str, str] | None = None,
) -> str:
    """Write a plugin that looks installed once the folder is on the module search path.

    The package is named like the distribution with `_` for `-` and `.`, and its module `plugin` holds the source.
    Calling it again with another entry name and the same distribution replaces the plugin.

    Args:
        folder: Stands in for `site-packages`.
        distribution: Such as `zoo-acme`.
        version: Such as `0.3`.
        entry_name: Name of the entry point in the group `zoo`, such as `acme`.
        source: Text of the plugin module; common indentation is removed.
        files: Further files of the package, relative path -> text.

    Returns:
        Dotted name of the plugin module.
    """
    package = distribution.replace("-", "_").replace(".", "_")
    root = folder / package
    texts = {"__init__.py": f'__version__ = "{version}"\n', "plugin.py": source, **(files or {})}
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    module = f"{package}.plugin"
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[zoo]\n{entry_name} = {module}\n", encoding="utf-8")
    return module
