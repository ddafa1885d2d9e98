from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoo_core.data.download import cache_dir
from zoo_core.training.silence import SilentProgress
from zoo_stm32.artifacts import ArenaPlan, CNetwork, IoTensor, Layer
from zoo_stm32.boards import KIB, Board, Memory

HEADER = """\
#ifndef NETWORK_H
#define NETWORK_H
#include <stdint.h>
void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena);
#endif
"""
SOURCE = """\
#include "network.h"
#include <math.h>
extern const int8_t weights[3][8];
__attribute__((noinline)) void node0_sum(const int8_t *x, int32_t *sums)
{
    for (int o = 0; o < 3; ++o) {
        sums[o] = 0;
        for (int i = 0; i < 8; ++i) {
            sums[o] += x[i] * weights[o][i];
        }
    }
}
__attribute__((noinline)) void node1_round(const int32_t *sums, int8_t *y)
{
    for (int o = 0; o < 3; ++o) {
        float v = nearbyintf((float)sums[o] * 0.125f) + 1.0f;
        y[o] = (int8_t)fminf(fmaxf(v, -128.0f), 127.0f);
    }
}
void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena)
{
    node0_sum((const int8_t *)inputs[0], (int32_t *)arena);
    node1_round((const int32_t *)arena, (int8_t *)outputs[0]);
}
"""
WEIGHTS = np.array([[1, 2, 3, 4, 5, 6, 7, 8], [-1, 0, 1, 0, -1, 0, 1, 0], [127, -128, 64, 3, 2, 1, 0, -9]], np.int8)


def network_of(arena: int = 12, weight_bytes: int = 24, io: int = 8) -> CNetwork:
    """Return a dense layer written by hand; other sizes than the defaults only serve `place`."""
    declared = "extern const int8_t weights[3][8]"
    rows = ",\n".join("{" + ", ".join(map(str, row)) + "}" for row in WEIGHTS)
    return CNetwork(
        header=HEADER,
        source=SOURCE,
        data_source=f"#include <stdint.h>\n{declared};\n{declared.removeprefix('extern ')} = {{{rows}}};\n",
        inputs=(IoTensor(name="image", type="int8", shape=(1, io), scale=0.1, zero_point=-3),),
        outputs=(IoTensor(name='sco"re?', type="int8", shape=(1, 3), scale=0.25, zero_point=1),),
        layers=(
            Layer(
                index=0,
                name="dense",
                op_type="QGemm",
                function="node0_sum",
                inputs=("image",),
                outputs=("sums",),
                macs=24,
                weight_bytes=weight_bytes,
            ),
            Layer(
                index=1,
                name="round",
                op_type="Round",
                function="node1_round",
                inputs=("sums",),
                outputs=("score",),
                macs=0,
                weight_bytes=0,
            ),
        ),
        plan=ArenaPlan(
            offsets={"sums": 0},
            sizes={"sums": arena},
            size=arena,
            lower_bound=arena,
            peak_layer="dense",
            peak_tensors=("sums",),
        ),
        weight_bytes=weight_bytes,
        generator="by hand 1.0",
    )


MEMORIES = {
    "flash": Memory(name="flash", kind="flash", origin=0x0800_0000, size=512 * KIB),
    "sram": Memory(name="SRAM1", kind="ram", origin=0x2000_0000, size=128 * KIB),
    "sram2": Memory(name="SRAM 2", kind="ram", origin=0x3000_0000, size=64 * KIB),
    "sdram": Memory(name="SDRAM", kind="ram", origin=0xC000_0000, size=8192 * KIB, external=True),
    "qspi": Memory(name="Quad-SPI flash", kind="flash", origin=0x9000_0000, size=16384 * KIB, external=True),
}


def board_of(*memories: str, core: str = "cortex-m7", fpu: str = "single") -> Board:
    """Return a board with some of `MEMORIES`."""
    chosen = tuple(MEMORIES[name] for name in memories)
    return Board(name="TEST-BOARD", series="STM32", core=core, clock_hz=1, fpu=fpu, memories=chosen)


def reference(x: np.ndarray) -> np.ndarray:
    """Return what the hand-made network gives, computed in NumPy."""
    sums = x.astype(np.int32) @ WEIGHTS.T.astype(np.int32)
    return np.clip(np.rint(sums.astype(np.float32) * np.float32(0.125)) + 1, -128, 127).astype(np.int8)


@pytest.fixture
def make_network() -> Callable[..., CNetwork]:
    return network_of


@pytest.fixture
def make_board() -> Callable[..., Board]:
    return board_of


@pytest.fixture
def compute() -> Callable[[np.ndarray], np.ndarray]:
    return reference


@pytest.fixture
def silent() -> SilentProgress:
    return SilentProgress()


@pytest.fixture(scope="session")
def build_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache of its own for firmware; the compiler's own library comes from the user's cache of it."""
    folder, compiler = tmp_path_factory.mktemp("cache"), cache_dir() / "zig"
    compiler.mkdir(parents=True, exist_ok=True)
    (folder / "zig").symlink_to(compiler, target_is_directory=True)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(build_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(build_cache))
