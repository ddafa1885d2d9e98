"""Compare `zoo list models` with 50 plugins of 40 models each to the same command without them.

Every call is a fresh interpreter; both commands take turns, so that a busy machine slows both. One unmeasured round
compiles everything, as an installer does. Usage: python benchmarks/plugin_discovery.py [rounds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zoo_core.plugins.selection import ENVIRONMENT_VARIABLE
from zoo_core.plugins.user_file import DIRECTORY_VARIABLE
from zoo_core.testing.isolation import write_plugin

LIMIT = 2.0
ROUNDS = 11
PLUGINS = 50
MODELS = 40
COMMAND = [sys.executable, "-m", "zoo_core", "list", "models"]
HEAD = "from zoo_core import InputSpec, LazyRef, ModelSpec, hookimpl\n\nzoo_api = 1\n\n\n@hookimpl\ndef zoo_models():\n"
SPEC = """    yield ModelSpec(
        name="acme_{plugin}_{number}",
        task="classification",
        summary="Network number {number} of a library of many, for boards with {number} KB.",
        aliases=("acme{plugin}-{number}",),
        input=InputSpec(3, 96, 96),
        licence="Apache-2.0",
        pretrained=("imagenet",),
        build=LazyRef("zoo_acme{plugin}.model:build", extra="zoo-core[torch]"),
        config=LazyRef("zoo_acme{plugin}.config:Section"),
    )
"""
PAGE_LINES = 200
"""Lines of the project's page, with which the metadata of an installed distribution ends."""


def write_plugins(site: Path, plugins: int = PLUGINS, models: int = MODELS) -> None:
    """Write plugins as they lie in an environment."""
    for plugin in range(plugins):
        source = HEAD + "".join(SPEC.format(plugin=plugin, number=number) for number in range(models))
        write_plugin(site, f"zoo-acme{plugin}", "1.2.3", f"acme{plugin}", source)
        metadata = site / f"zoo_acme{plugin}-1.2.3.dist-info" / "METADATA"
        with metadata.open("a", encoding="utf-8") as file:
            file.write(
                "Requires-Dist: zoo-core\n\n" + "A line of the page that says what the models are.\n" * PAGE_LINES
            )


def measure(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the seconds of every call of both commands."""
    with tempfile.TemporaryDirectory(prefix="zoo-benchmark-") as folder:
        root = Path(folder)
        write_plugins(root / "site")
        dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", ENVIRONMENT_VARIABLE}
        base = {key: value for key, value in os.environ.items() if key not in dropped}
        base |= {"PYTHONPYCACHEPREFIX": str(root / "compiled"), DIRECTORY_VARIABLE: str(root / "config")}
        environments = {"without": base, f"with {PLUGINS} plugins": {**base, "PYTHONPATH": str(root / "site")}}
        lines = {name: _call(environment)[1] for name, environment in environments.items()}
        none, all_of_them = lines.values()
        if all_of_them - none != PLUGINS * MODELS:
            msg = f"the plugins list {all_of_them - none} models, not {PLUGINS * MODELS}"
            raise RuntimeError(msg)
        seconds: dict[str, list[float]] = {name: [] for name in environments}
        for _ in range(rounds):
            for name, environment in environments.items():
                seconds[name].append(_call(environment)[0])
    return seconds


def ratio(seconds: dict[str, list[float]]) -> float:
    """Return how many times as long the call with plugins takes: the median over rounds."""
    without, with_plugins = seconds.values()
    return statistics.median(ours / base for base, ours in zip(without, with_plugins, strict=True))


def main() -> int:
    """Measure, print, and return 1 when the limit is passed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    seconds = measure(rounds)
    for name, values in seconds.items():
        median, fastest, slowest = (1000 * pick(values) for pick in (statistics.median, min, max))
        print(f"{name:16} median {median:6.0f} ms   fastest {fastest:6.0f} ms   slowest {slowest:6.0f} ms")
    found = ratio(seconds)
    print(f"ratio {found:.2f}, limit {LIMIT:.1f}, {rounds} rounds")
    return 0 if found <= LIMIT else 1


def _call(environment: dict[str, str]) -> tuple[float, int]:
    """Return the seconds of one call and the number of lines it printed."""
    started = time.perf_counter()
    done = subprocess.run(COMMAND, check=True, stdout=subprocess.PIPE, env=environment)
    return time.perf_counter() - started, done.stdout.count(b"\n")


if __name__ == "__main__":
    sys.exit(main())
