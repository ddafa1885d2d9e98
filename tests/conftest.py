"""Own what every test gets: one thread, no internet, fixed seeds and none of the user's own settings."""

import os
import random
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# Two test processes share two cores. These must be set before torch, onnxruntime and matplotlib are imported,
# and reach the processes that tests start.
os.environ.update(OMP_NUM_THREADS="1", MPLBACKEND="Agg", HF_HUB_OFFLINE="1", COLUMNS="120", NO_COLOR="1")
USER_SETTINGS = ("ZOO_PLUGINS", "FORCE_COLOR", "CLICOLOR_FORCE", "WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR")
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
for _name in (*USER_SETTINGS, *OF_MAKE):
    os.environ.pop(_name, None)

# What `zoo-core` installs for every pytest; named here so that tests run from a source tree that was never installed.
pytest_plugins = ("zoo_core.testing.pytest_plugin",)

settings.register_profile("zoo", deadline=None, derandomize=True, database=None)
settings.load_profile("zoo")

LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost", "0.0.0.0")  # noqa: S104 - recognised, not bound


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark checks as slow that a conformance class names in `slow_checks`."""
    for item in items:
        if getattr(item, "originalname", "") in getattr(getattr(item, "cls", None), "slow_checks", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _no_internet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other machines, unless the test carries the marker `network`."""
    if request.node.get_closest_marker("network") is not None:
        return
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in LOCAL_HOSTS:
            msg = f"a test without the marker `network` connected to {address}"
            raise RuntimeError(msg)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    """Start every test from the same random numbers, whatever ran before it."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _same_folder() -> Iterator[None]:
    """Fail a test that leaves the process in another working directory, and go back."""
    before = os.getcwd()  # noqa: PTH109 - compared as text, also when the folder is gone
    yield
    after = os.getcwd() if os.path.isdir(".") else "a folder that is gone"  # noqa: PTH109, PTH112 - as above
    os.chdir(before)
    assert after == before, f"the test left the process in {after}"
