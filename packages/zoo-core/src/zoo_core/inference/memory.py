"""Own the measurement of a model's peak memory: a fresh process that runs it and reports how much it grew.

The growth of the resident set from before the model is read to its peak over a few inferences counts the weights,
onnxruntime's working memory and what reading the file took; the libraries, loaded before, do not count.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil

from zoo_core.export.onnx_file import inspect_onnx
from zoo_core.export.runtime import open_runtime

METHOD = "growth of the resident set of a fresh process while it opens the model and runs it"
RUNS = 3
TIMEOUT_SECONDS = 300
KIB = 1024
STATUS = Path("/proc/self/status")


def measure_peak_memory(path: Path, threads: int) -> int | None:
    """Return the bytes that opening and running a model takes, or nothing when it cannot be measured here."""
    command = [sys.executable, "-m", __name__, str(path), str(threads)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            command, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS
        )
        return int(json.loads(done.stdout)["peak_bytes"])
    except (subprocess.SubprocessError, OSError, ValueError, KeyError):
        return None


def peak_growth(path: Path, threads: int) -> int:
    """Run a model in this process and return by how many bytes the resident set grew at its peak."""
    process = psutil.Process()
    info = inspect_onnx(path)
    shape = [size if isinstance(size, int) else 1 for size in info.inputs[0].shape]
    images = np.zeros(shape, dtype=info.inputs[0].type)
    before, earlier_peak = process.memory_info().rss, _high_water_mark()
    session = open_runtime(path, threads=threads)
    for _ in range(RUNS):
        session.run(None, {info.inputs[0].name: images})
    peak = _high_water_mark()
    held = process.memory_info().rss
    return int(max(peak if peak > earlier_peak else held, held)) - int(before)


def _high_water_mark() -> int:
    """Return the largest resident set of this process so far in bytes, or 0 where the system does not say.

    On Linux `getrusage` would count the process that started this one, too.
    """
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    if STATUS.exists():
        line = next((line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
        return int(line.split()[1]) * KIB
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"peak_bytes": peak_growth(Path(sys.argv[1]), int(sys.argv[2]))}))
