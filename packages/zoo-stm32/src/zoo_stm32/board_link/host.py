"""Own computing on this computer with the library that ST Edge AI Core builds (`stedgeai_host`).

The library is driven by the package `stm_ai_runner` of the tool's installation, in a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_core.errors import MissingError, ZooError
from zoo_stm32.board_link import host_child
from zoo_stm32.board_link.link import Run, check_sizes
from zoo_stm32.board_link.messages import Network, Tensor

TAIL_LINES = 40
CLOSE_S = 1.0
"""How long the process may take to end by itself."""
CHUNK = 1 << 16
PACKAGE = "stm_ai_runner"


class HostLink:
    """Compute with the library in a workspace of ST Edge AI Core."""

    def __init__(self, workspace: Path, runner: Path, log: Path, *, timeout_s: float = 60.0) -> None:
        """Name the places; nothing is started yet.

        Args:
            workspace: Folder that `generate` with a library for this computer made, `st_ai_ws`.
            runner: Folder of the installation that holds `stm_ai_runner`, `scripts/ai_runner`.
            log: File for what the package prints.
            timeout_s: Longest time of one answer.
        """
        self._workspace, self._runner, self._log = workspace, runner, log
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._network: Network | None = None
        self._rest = bytearray()
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    @property
    def name(self) -> str:
        """Return the name of the workspace."""
        return str(self._workspace)

    def connect(self) -> None:
        """Start the process and read which tensors there are.

        Raises:
            MissingError: When the installation has no `stm_ai_runner`.
            ZooError: When the library cannot be loaded.
        """
        if not (self._runner / PACKAGE).is_dir():
            raise MissingError(
                f"{self._runner} holds no {PACKAGE}.",
                hint="tools.stedgeai.path_to_stedgeai must lie in a complete installation (scripts/ai_runner).",
            )
        self._log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(part for part in (str(self._runner), os.environ.get("PYTHONPATH")) if part)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a list of arguments, without a shell
                [sys.executable, str(host_child.__file__), str(self._workspace)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        if self._process.stdout is not None:
            descriptor = self._process.stdout.fileno()
            threading.Thread(target=_forward, args=(descriptor, self._pieces), daemon=True).start()
        try:
            described = json.loads(self._line())
            self._network = _network(described)
        except (ValueError, KeyError, TypeError) as error:
            raise self._failed(f"it describes its tensors in an unknown way ({error})") from error

    def networks(self) -> tuple[Network, ...]:
        """Return the one network of the library."""
        return () if self._network is None else (self._network,)

    def run(self, network: Network, inputs: Sequence[bytes]) -> Run:
        """Compute one sample.

        Raises:
            ZooError: When the process fails or gives outputs of another size.
        """
        check_sizes(network.inputs, inputs, "input")
        started = time.perf_counter()
        stream = None if self._process is None else self._process.stdin
        if stream is None:
            raise ZooError("The library is not loaded.")
        try:
            for data in inputs:
                stream.write(host_child.LENGTH.pack(len(data)) + data)
            stream.flush()
        except OSError as error:
            raise self._failed("it ended") from error
        outputs = [self._block() for _ in network.outputs]
        check_sizes(network.outputs, outputs, "output")
        return Run(tuple(outputs), 1000 * (time.perf_counter() - started))

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout=CLOSE_S)
        except subprocess.TimeoutExpired:
            _kill(process)
        if process.stdout is not None:
            process.stdout.close()

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            self._fill()
        line, _, rest = bytes(self._rest).partition(b"\n")
        self._rest = bytearray(rest)
        return line

    def _block(self) -> bytes:
        size = host_child.LENGTH.unpack(self._take(host_child.LENGTH.size))[0]
        return self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._fill()
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data

    def _fill(self) -> None:
        try:
            data = self._pieces.get(timeout=self._timeout_s)
        except queue.Empty:
            raise self._failed(f"it did not answer within {self._timeout_s:g} s") from None
        if not data:
            raise self._failed("it ended")
        self._rest += data

    def _failed(self, reason: str) -> ZooError:
        self.close()
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        last = "\n".join(lines) or "(nothing)"
        return ZooError(
            f"ST's runtime for {self._workspace} failed: {reason}. Last {TAIL_LINES} lines:\n{last}",
            hint=f"All it printed: {self._log}",
        )


def _forward(descriptor: int, pieces: queue.SimpleQueue[bytes]) -> None:
    """Hand on what a process writes, and nothing once it ends."""
    data = b"begin"
    while data:
        try:
            data = os.read(descriptor, CHUNK)
        except OSError:
            data = b""
        pieces.put(data)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _network(described: Mapping[str, Any]) -> Network:
    return Network(
        name=str(described["name"]),
        signature="",
        inputs=tuple(_tensor(entry) for entry in described["inputs"]),
        outputs=tuple(_tensor(entry) for entry in described["outputs"]),
    )


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    return Tensor(
        name=str(entry["name"]),
        type=str(entry["type"]),
        shape=tuple(int(size) for size in entry["shape"]),
        scale=float(entry["scale"]),
        zero_point=int(entry["zero_point"]),
    )
