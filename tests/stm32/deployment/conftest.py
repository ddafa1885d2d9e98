"""A bench for deployments: stand-ins of all tools, a C project, a code generator that needs no tool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from zoo_stm32.boards import load_boards
from zoo_stm32.deployment import DeployJob, DeployTools, Host, Limits
from zoo_stm32.headers import read_values
from zoo_stm32.reports import ToolReport
from zoo_stm32.testing.cubeide import install_cubeide, make_project
from zoo_stm32.testing.programmer import install_programmer
from zoo_stm32.testing.ssh import install_ssh

LIMITS = Limits(build_s=20, flash_s=20, sign_s=20, probe_s=20, connect_s=10, copy_s=20, launch_grace_s=0.1, poll_s=0.02)
METADATA = {
    "class_names": ["daisy", "rose"],
    "preprocessing": {"input": [3, 96, 128], "aspect_ratio": "crop", "color_mode": "rgb"},
    "decoding": {"type": "classification"},
}


class Task:
    def advance(self, steps: int = 1, **values: float) -> None:
        pass


@dataclass
class RecordedProgress:
    titles: list[str] = field(default_factory=list)

    @contextmanager
    def track(self, title: str, total: int | None) -> Iterator[Task]:
        self.titles.append(title)
        yield Task()


@dataclass
class Code:
    folder: Path
    report: ToolReport
    files: tuple[Path, ...]


@dataclass
class Generator:
    """Write C files as ST Edge AI Core names them; arrays of weights have the given sizes in bytes."""

    report: ToolReport
    arrays: dict[str, int]
    options: list = field(default_factory=list)
    leave_out: tuple[str, ...] = ()

    def generate(self, model, board, options, folder, progress):
        self.options.append(options)
        output = folder / "st_ai_output"
        output.mkdir(parents=True, exist_ok=True)
        data = "".join(
            f"AI_ALIGNED(32)\nconst ai_u64 {name}[{size // 8}] = {{\n  0x00U,\n}};\n"
            for name, size in self.arrays.items()
        )
        texts = {
            "network.c": f"/* {model.name} */\n",
            "network.h": "/* network */\n",
            "network_config.h": "/* config */\n",
            "network_data.h": "/* data */\n",
            "network_data.c": data,
            "network_data_params.h": "/* params */\n",
            "network_ecblobs.h": "/* blobs */\n",
            "network_atonbuf.xSPI2.raw": "weights of " + model.read_text(),
        }
        for name, text in texts.items():
            if name not in self.leave_out:
                (output / name).write_text(text)
        return Code(output, self.report, tuple(sorted(output.iterdir())))


@dataclass
class Bench:
    """Hold a job and the stand-ins behind it."""

    job: DeployJob
    progress: RecordedProgress
    stand_in: object = None
    generator: Generator | None = None
    cubeide: Path | None = None
    ssh_folder: Path | None = None
    board_root: Path | None = None

    def change(self, **more: object) -> None:
        self.job = replace(self.job, **more)


def board_named(name: str):
    return next(board for board in load_boards() if board.name == name)


@pytest.fixture
def bench(tmp_path: Path):
    """Return a maker of benches for a board."""

    def make(
        board_name: str = "STM32H747I-DISCO",
        *,
        weights: int = 4096,
        activations: int = 2048,
        arrays: dict[str, int] | None = None,
        leave_out: tuple[str, ...] = (),
        build: str = "none",
    ) -> Bench:
        board = board_named(board_name)
        model = tmp_path / "model.onnx"
        model.write_text("a model")
        serial = "0001"
        stand_in = install_programmer(tmp_path / "programmer", [(serial, board_name)])
        address = 0x34000400 if board.series == "STM32N6" else 0x08000000
        cubeide = install_cubeide(tmp_path / "cubeide", failure=build, flash_address=address)
        generator = Generator(
            ToolReport(engine="stand-in", version="1", weights=weights, activations=activations),
            arrays if arrays is not None else {"s_network_weights_array_u64": 4096},
        )
        job = DeployJob(
            board=board,
            model=model,
            folder=tmp_path / "run" / "generated",
            headers=tmp_path / "run" / "C_header",
            tools=DeployTools(cube_ide=cubeide, programmer=stand_in.programmer, signing=stand_in.signing),
            project=make_project(tmp_path / "project", board_name, leave_out=leave_out),
            values=read_values(METADATA, series=board.series, board=board_name, model=model.name),
            generator=generator,
            limits=LIMITS,
        )
        return Bench(job, RecordedProgress(), stand_in, generator, cubeide)

    return make


@pytest.fixture
def mpu_bench(tmp_path: Path):
    """Return a maker of benches for a board with an application processor."""

    def make(*, failure: str = "none", board_name: str = "STM32MP257F-EV1") -> Bench:
        board = board_named(board_name)
        model = tmp_path / "my model.nb"
        model.write_text("a network binary graph")
        project = tmp_path / "mpu project"
        (project / "Application").mkdir(parents=True)
        (project / "Application" / "app.py").write_text("application\n")
        (project / "Resources").mkdir()
        (project / board.series).mkdir()
        (project / board.series / "launch_demo.sh").write_text("#!/bin/sh\n")
        root = tmp_path / "board root"
        ssh, scp = install_ssh(tmp_path / "ssh", root, failure=failure)
        job = DeployJob(
            board=board,
            model=model,
            folder=tmp_path / "run" / "generated",
            headers=tmp_path / "run" / "C_header",
            tools=DeployTools(ssh=ssh, scp=scp),
            project=project,
            host=Host(address="192.0.2.7", path="/usr/local/demo; touch x"),
            class_names=("daisy", "rose"),
            limits=LIMITS,
        )
        return Bench(job, RecordedProgress(), ssh_folder=tmp_path / "ssh", board_root=root)

    return make
