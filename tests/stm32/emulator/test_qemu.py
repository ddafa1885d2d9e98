"""Show that QEMU gives the same outputs as unicorn where it is installed, and what is said where it is not."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoo_core.errors import MissingError, UserError
from zoo_stm32.artifacts import FirmwareImage
from zoo_stm32.emulator import EmulationError, FaultKind, Machine, qemu_board, run_on_qemu

Build = Callable[..., FirmwareImage]
CONTENT = np.random.default_rng(8).integers(-128, 127, 48).astype(np.int8).tobytes()
needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")


def stand_in(folder: Path, body: str) -> str:
    """Write an executable that is called instead of QEMU."""
    path = folder / "qemu-stand-in"
    path.write_text(f"#!{sys.executable}\nimport sys, time\nfrom pathlib import Path\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_qemu
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"])
def test_outputs_equal_those_of_unicorn(build: Build, core: str) -> None:
    image = build(board=qemu_board(core), semihosting=True)
    execution = run_on_qemu(image, [CONTENT], timeout_s=60)
    assert execution.outputs == Machine(build(core)).run([CONTENT]).outputs
    assert execution.instructions is None


@needs_qemu
def test_a_firmware_that_hangs_is_ended(build: Build) -> None:
    image = build(board=qemu_board("cortex-m7"), semihosting=True)
    with pytest.raises(EmulationError, match="still running on QEMU after 1 s") as caught:
        run_on_qemu(image, [bytes([127, 5, *[0] * 46])], timeout_s=1)
    assert caught.value.kind is FaultKind.TIMEOUT


@needs_qemu
def test_a_firmware_that_crashes_is_reported(build: Build) -> None:
    image = build(board=qemu_board("cortex-m7"), semihosting=True)
    with pytest.raises(EmulationError, match="QEMU ended with status"):
        run_on_qemu(image, [bytes([127, 4, *[0] * 46])], timeout_s=60)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a first line for Unix")
def test_files_and_command_of_a_run(build: Build, tmp_path: Path) -> None:
    image = build(board=qemu_board("cortex-m4"), semihosting=True)
    log = tmp_path / "log"
    body = f"""
Path({str(log)!r}).write_text("\\n".join(sys.argv[1:]))
content = Path("zoo_input_0.bin").read_bytes()
Path("zoo_output_0.bin").write_bytes(content[:4])
Path("zoo_output_1.bin").write_bytes(content[4:20])
Path("zoo_stack.bin").write_bytes((4321).to_bytes(4, "little"))
"""
    execution = run_on_qemu(image, [CONTENT], executable=stand_in(tmp_path, body))
    assert execution.outputs == (CONTENT[:4], CONTENT[4:20])
    assert execution.stack_bytes == 4321
    arguments = log.read_text().splitlines()
    assert arguments[:2] == ["-machine", "mps2-an386"]
    assert "enable=on,target=native" in arguments
    assert arguments[-2:] == ["-kernel", str(image.elf)]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a first line for Unix")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('lockup in HardFault')", "status 1:\n  lockup in HardFault"),
        ("Path('zoo_output_0.bin').write_bytes(b'1')", "wrote 1 bytes of output means to zoo_output_0.bin; expected 4"),
        ("time.sleep(30)", "still running on QEMU after 0.5 s"),
    ],
)
def test_failures_of_a_run(build: Build, tmp_path: Path, body: str, said: str) -> None:
    image = build(board=qemu_board("cortex-m4"), semihosting=True)
    with pytest.raises(EmulationError) as caught:
        run_on_qemu(image, [CONTENT], executable=stand_in(tmp_path, body), timeout_s=0.5)
    assert said in str(caught.value)


def test_what_is_missing_or_wrong_is_said(build: Build) -> None:
    image = build(board=qemu_board("cortex-m4"), semihosting=True)
    with pytest.raises(MissingError, match="Install QEMU for Arm"):
        run_on_qemu(image, [CONTENT], executable="qemu-system-absent")
    with pytest.raises(UserError, match="takes 48 bytes"):
        run_on_qemu(image, [b""])
    with pytest.raises(UserError, match="no machine here that runs code for"):
        qemu_board("cortex-a7")


def test_boards_of_qemu_can_hold_firmware() -> None:
    for core in ("cortex-m4", "cortex-m7", "cortex-m33"):
        board = qemu_board(core)
        assert board.runs_firmware
        assert board.core == core
        assert board.total("flash", external=False) == board.total("ram", external=False) == 4 << 20
