"""Own the name of this machine's processor, as benchmarks state it."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
SYSCTL = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")


def cpu_name() -> str:
    """Return the processor's name as the operating system states it, or its architecture."""
    return _from_proc() or _from_sysctl() or platform.processor() or platform.machine() or "unknown CPU"


def _from_proc() -> str:
    if not CPU_INFO.exists():
        return ""
    lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _from_sysctl() -> str:
    if platform.system() != "Darwin":
        return ""
    found = subprocess.run(SYSCTL, capture_output=True, text=True, check=False)  # noqa: S603 - a constant command
    return found.stdout.strip()
