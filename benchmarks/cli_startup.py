"""Measure `zoo --help` against `python -c "import typer"`, side by side, and print the ratio of the medians.

Both are started in turn, so that a busy machine disturbs both alike. Usage: python benchmarks/cli_startup.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

RUNS = 9
LIMIT = 4.0
"""`zoo --help` may take this many times as long as the bare import."""
COMMANDS = {
    'python -c "import typer"': [sys.executable, "-c", "import typer"],
    "zoo --help": [sys.executable, "-m", "zoo_core", "--help"],
}


def measure(runs: int = RUNS) -> dict[str, list[float]]:
    """Return the wall-clock seconds of every run of every command, after one run of each that warms the caches."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV_CORE")}
    for turn in range(runs + 1):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            if turn > 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(seconds: dict[str, list[float]]) -> float:
    """Return how many times as long the second command takes, by medians."""
    base, ours = (statistics.median(values) for values in seconds.values())
    return ours / base


def main() -> int:
    """Measure, print, and return 1 when the limit is passed."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    seconds = measure(runs)
    for name, values in seconds.items():
        median, fastest, slowest = (1000 * pick(values) for pick in (statistics.median, min, max))
        print(f"{name:28} median {median:6.0f} ms   fastest {fastest:6.0f} ms   slowest {slowest:6.0f} ms")
    found = ratio(seconds)
    print(f"ratio {found:.2f}, limit {LIMIT:.1f}, {runs} runs each")
    return 0 if found <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
