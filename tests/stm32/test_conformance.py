"""The package and its targets pass the checks that plugin authors run; all boards by `make test-slow`."""

from typing import Any

import pytest

from zoo_core.plugins import get_catalog
from zoo_core.testing.conformance import PluginConformance, TargetConformance
from zoo_stm32.boards import load_boards

QUICK = "stm32h747i_disco"
EMULATED = tuple(board.slug for board in load_boards() if board.runs_firmware and board.slug != QUICK)
OTHERS = tuple(
    entry.spec.name
    for entry in get_catalog().targets.entries()
    if entry.distribution == "zoo-stm32" and entry.spec.name not in (QUICK, *EMULATED, "emulator")
)


class TestPlugin(PluginConformance):
    distribution = "zoo-stm32"


class TestQuickBoard(TargetConformance):
    target = QUICK
    slow_checks = ("test_model_is_deployed", "test_model_is_run")


class TestEmulator(TargetConformance):
    target = "emulator"
    slow_checks = ("test_model_is_measured", "test_model_is_run")

    @pytest.mark.xfail(reason="the boards deploy through the same class, which therefore has the method")
    def test_nothing_else_is_offered(self, resolved: Any, built: Any) -> None:
        super().test_nothing_else_is_offered(resolved, built)


@pytest.mark.slow
class TestEmulatedBoards(TargetConformance):
    @pytest.fixture(scope="class", params=EMULATED)
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param


class TestTargetsThatNeedMore(TargetConformance):
    """Boards with an application processor, and ST's runtimes: a vendor's tool or a connected board is needed."""

    needs_hardware = True

    @pytest.fixture(scope="class", params=OTHERS)
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param
