"""Own the processes of a training on several devices: starting those beside the first one, and ending them.

Each gets the job itself, not the command line, so nothing but the training happens in it. Where a launcher such as
torchrun has started the processes, none are started here and Lightning takes the ranks from the launcher.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import torch
from lightning.fabric.plugins.environments import ClusterEnvironment

from zoo_core.errors import PluginError, UserError, ZooError

START_SECONDS = 300
END_SECONDS = 60
_ADDRESS = "127.0.0.1"
_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE", "RANK")


@dataclass(slots=True)
class LocalEnvironment(ClusterEnvironment):  # type: ignore[misc] # Lightning is untyped here
    """Tell Lightning the ranks of the processes started here, all on this host."""

    world: int
    rank: int
    port: int

    @property
    def creates_processes_externally(self) -> bool:
        """Return true: Lightning starts none."""
        return True

    @property
    def main_address(self) -> str:
        """Return the address at which the processes meet."""
        return _ADDRESS

    @property
    def main_port(self) -> int:
        """Return the port at which the processes meet."""
        return self.port

    @staticmethod
    def detect() -> bool:
        """Return false: this environment is given, not found."""
        return False

    def world_size(self) -> int:
        """Return the number of processes."""
        return self.world

    def set_world_size(self, size: int) -> None:
        """Do nothing; the number is known."""

    def global_rank(self) -> int:
        """Return the number of this process."""
        return self.rank

    def set_global_rank(self, rank: int) -> None:
        """Do nothing; the rank is known."""

    def local_rank(self) -> int:
        """Return the number of this process on this host."""
        return self.rank

    def node_rank(self) -> int:
        """Return 0, the number of this host."""
        return 0


Work = Callable[[LocalEnvironment], Any]


@contextmanager
def followers(work: Work, world: int) -> Iterator[LocalEnvironment]:
    """Start `world - 1` processes that do the same work, and give the environment of the first, this one.

    Raises:
        UserError: When the work cannot be sent to another process.
        ZooError: What another process reports.
    """
    port = _free_port()
    started: list[tuple[SpawnProcess, Connection]] = []
    try:
        payload = _packed(work) if world > 1 else b""
        started.extend(_start(payload, LocalEnvironment(world, rank, port)) for rank in range(1, world))
        _wait_until_ready(started)
        with _kept_surroundings():
            try:
                yield LocalEnvironment(world, 0, port)
            except ZooError:
                raise
            except Exception as error:
                if (reported := _reported(started, seconds=5)) is not None:
                    raise reported from error
                raise
            finally:
                leave_group()
        for process, _ in started:
            process.join(END_SECONDS)
        if (reported := _reported(started, seconds=0)) is not None:
            raise reported
    finally:
        for process, connection in started:
            if process.is_alive():
                process.terminate()
                process.join(END_SECONDS)
            connection.close()


def _packed(work: Work) -> bytes:
    try:
        return pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        msg = f"The training cannot be sent to other processes: {error}."
        hint = "Set training.devices to 1, or start the command with a launcher such as torchrun."
        raise UserError(msg, hint=hint) from error


def _start(payload: bytes, environment: LocalEnvironment) -> tuple[SpawnProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_follow, args=(payload, environment, theirs), name=f"zoo rank {environment.rank}")
    process.start()
    theirs.close()
    return process, ours


def _follow(payload: bytes, environment: LocalEnvironment, connection: Connection) -> None:
    """Do the work as one of the other processes, quietly, and report an error to the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what an interruption means
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    try:
        work: Work = pickle.loads(payload)  # noqa: S301 - bytes made by the process that started this one
        connection.send(None)
        work(environment)
    except ZooError as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001 - the first process raises it again
        failure = PluginError(f"Training process {environment.rank} failed: {type(error).__name__}: {error}")
        failure.add_note(traceback.format_exc())
        connection.send(failure)
    finally:
        leave_group()
        connection.close()


def _wait_until_ready(started: list[tuple[SpawnProcess, Connection]]) -> None:
    for process, connection in started:
        try:
            ready = connection.poll(START_SECONDS)
            answer = connection.recv() if ready else PluginError(f"{process.name} does not start.")
        except EOFError:
            process.join(END_SECONDS)
            answer = PluginError(
                f"{process.name} ended while it started (exit code {process.exitcode}).",
                hint='A script that trains on several devices needs the usual `if __name__ == "__main__":`.',
            )
        if isinstance(answer, ZooError):
            raise answer


def _reported(started: list[tuple[SpawnProcess, Connection]], *, seconds: float) -> ZooError | None:
    """Return the error that another process has sent, preferring one that says what to do over a broken connection."""
    errors: list[ZooError] = []
    for _, connection in started:
        try:
            if connection.poll(seconds):
                errors.append(connection.recv())
        except EOFError:
            continue
    return next((error for error in errors if not isinstance(error, PluginError)), errors[0] if errors else None)


@contextmanager
def _kept_surroundings() -> Iterator[None]:
    """Put back what torch's meeting of processes leaves behind: environment variables and its printer of tracebacks."""
    hook = sys.excepthook
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        yield
    finally:
        sys.excepthook = hook
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def leave_group() -> None:
    """End this process's part in the group of training processes, so that none waits for one that is gone."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_ADDRESS, 0))
        port: int = probe.getsockname()[1]
    return port
