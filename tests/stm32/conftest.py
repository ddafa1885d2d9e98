"""Own what tests of the STM32 package share: a silent progress, and generated C run on this machine."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wvla")
EXACT = ("-O2", "-ffp-contract=off", "-fno-strict-aliasing")


class Quiet:
    """Show nothing."""

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Quiet]:
        yield self

    def advance(self, steps: int = 1, **values: float) -> None:
        pass


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


class HostNetwork:
    """Run a generated network in this process; memory around the arena is watched."""

    GUARD = 64

    def __init__(self, network: Any, folder: Path) -> None:
        self.network = network
        (folder / "network.h").write_text(network.header)
        (folder / "network.c").write_text(network.source)
        (folder / "network_data.c").write_text(network.data_source)
        compiler = [shutil.which("cc")] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
        library = folder / "network.so"
        command = [*compiler, *STRICT, *EXACT, "-shared", "-fPIC", "network.c", "network_data.c", "-lm", "-o", library]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        self._library = ctypes.CDLL(str(library))

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        size = self.network.plan.size
        given = [_aligned(np.ascontiguousarray(value).tobytes()) for value in inputs]
        assert [len(data) for data in given] == [io.bytes for io in self.network.inputs]
        results = [_aligned(bytes(io.bytes)) for io in self.network.outputs]
        arena = _aligned(bytes([0xA5]) * (size + self.GUARD))
        pointers = [
            (ctypes.c_void_p * max(len(group), 1))(*(d.ctypes.data for d in group)) for group in (given, results)
        ]
        self._library.zoo_network_run(*pointers, ctypes.c_void_p(arena.ctypes.data))
        assert (arena[size:] == 0xA5).all(), "the network wrote behind its arena"
        assert [data.tobytes() for data in given] == [np.ascontiguousarray(value).tobytes() for value in inputs]
        return [data.view(io.type).reshape(io.shape) for data, io in zip(results, self.network.outputs, strict=True)]


def _pointers(group: Sequence[np.ndarray]) -> Any:
    return (ctypes.c_void_p * max(len(group), 1))(*(data.ctypes.data for data in group))


def _aligned(content: bytes) -> np.ndarray:
    """Return bytes that start at a multiple of 8."""
    words = np.zeros(len(content) // 8 + 1, np.uint64)
    view = words.view(np.uint8)[: len(content)]
    view[:] = np.frombuffer(content, np.uint8)
    return view


@pytest.fixture
def on_host(tmp_path: Path) -> Callable[[Any], HostNetwork]:
    """Return a function that compiles a CNetwork for this machine."""

    def build(network: Any) -> HostNetwork:
        return HostNetwork(network, Path(mkdtemp(dir=tmp_path)))

    return build
