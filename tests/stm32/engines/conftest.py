"""Own what the tests of the engines share: a small quantized model, pictures, stand-ins of every tool, `zoo run`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from zoo_core.cli.main import run_cli
from zoo_core.export.onnx_file import set_metadata
from zoo_stm32.cloud import CloudClient, Limits
from zoo_stm32.deployment import DeployJob
from zoo_stm32.deployment import Limits as StepLimits
from zoo_stm32.stedgeai import find_stedgeai
from zoo_stm32.testing.cloud import CloudServer
from zoo_stm32.testing.cubeide import install_cubeide, make_project
from zoo_stm32.testing.programmer import ProgrammerStandIn, install_programmer
from zoo_stm32.testing.ssh import install_ssh
from zoo_stm32.testing.stedgeai import install_stedgeai

CLASSES = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
SIZE = 8
METADATA = {
    "use_case": "classification",
    "model_name": "tiny",
    "class_names": CLASSES,
    "preprocessing": {
        "input": [3, SIZE, SIZE],
        "aspect_ratio": "fit",
        "interpolation": "bilinear",
        "color_mode": "rgb",
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
        "scale": 1 / 255,
        "offset": 0.0,
    },
    "decoding": {"type": "classification"},
}
VARIABLES = (
    "ZOO_CLOUD_TOKEN", "stmai_username", "stmai_password", "STM32AI_USERNAME", "STM32AI_PASSWORD", "BASE_URL_DEVCLOUD",
    "BASE_URL_DEVCLOUD_QA", "USE_TEST_ROUTES", "SSO_URL", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
    "all_proxy", "ALL_PROXY", "STM32_AI_EXE", "STM32_CUBE_IDE_EXE", "STM32_CUBE_PROG_EXE",
)  # fmt: skip
FAST = Limits(request=5, check=1, backoff=0.01, longest_pause=0.05, attempts=2, poll=0.002, benchmark=5, run=5, nbg=5)
STEPS = StepLimits(
    build_s=20, flash_s=20, sign_s=20, probe_s=20, connect_s=10, copy_s=20, launch_grace_s=0.1, poll_s=0.02
)


def make_model(*, quantized: bool) -> onnx.ModelProto:
    """1x3x8x8 -> Conv 4 of 3x3 -> global mean -> Gemm to 5 classes, with quantizers around all that is computed."""
    rng = np.random.default_rng(3)
    initializers: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        initializers.append(numpy_helper.from_array(value, name))
        return name

    def requantized(name: str, scale: float, zero: int) -> str:
        if not quantized:
            return name
        pair = [constant(f"{name}_s", np.float32(scale)), constant(f"{name}_z", np.int8(zero))]
        nodes.append(helper.make_node("QuantizeLinear", [name, *pair], [f"{name}_q"], name=f"{name}_Q"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *pair], [f"{name}_d"], name=f"{name}_D"))
        return f"{name}_d"

    def weights(name: str, shape: tuple[int, ...], scale: float) -> str:
        levels = rng.integers(-100, 100, shape).astype(np.int8)
        if not quantized:
            return constant(name, (levels * np.float32(scale)).astype(np.float32))
        pair = [constant(f"{name}_s", np.float32(scale)), constant(f"{name}_z", np.int8(0))]
        nodes.append(helper.make_node("DequantizeLinear", [constant(name, levels), *pair], [f"{name}_d"]))
        return f"{name}_d"

    def bias(name: str, count: int, scale: float) -> str:
        levels = rng.integers(-2000, 2000, count).astype(np.int32)
        if not quantized:
            return constant(name, (levels * np.float32(scale)).astype(np.float32))
        pair = [constant(f"{name}_s", np.float32(scale)), constant(f"{name}_z", np.int32(0))]
        nodes.append(helper.make_node("DequantizeLinear", [constant(name, levels), *pair], [f"{name}_d"]))
        return f"{name}_d"

    first = 1 / 255
    image = requantized("image", first, -128)
    kernel, offset = weights("kernel", (4, 3, 3, 3), 0.01), bias("offset", 4, 0.01 * first)
    nodes.append(helper.make_node("Conv", [image, kernel, offset], ["a"], name="conv", pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("GlobalAveragePool", [requantized("a", 0.05, 0)], ["b"], name="pool"))
    flat = requantized("b", 0.02, 0)
    nodes.append(helper.make_node("Flatten", [flat], ["c"], name="flat"))
    dense, last = weights("dense", (4, 5), 0.02), bias("last", 5, 0.02 * 0.02)
    nodes.append(helper.make_node("Gemm", [requantized("c", 0.02, 0), dense, last], ["d"], name="fc"))
    scores = requantized("d", 0.05, 0)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(scores, TensorProto.FLOAT, [1, len(CLASSES)])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    set_metadata(model, METADATA)
    onnx.checker.check_model(model)
    return model


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold a quantized and a float model, and pictures in a folder for each class; tests must not change it."""
    root = tmp_path_factory.mktemp("engines")
    onnx.save(make_model(quantized=True), root / "tiny.onnx")
    onnx.save(make_model(quantized=False), root / "tiny_float.onnx")
    rng = np.random.default_rng(4)
    for index, name in enumerate(CLASSES):
        for number in range(3):
            pixels = rng.integers(0, 60, (SIZE, SIZE, 3)) + 45 * index
            path = root / "pictures" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


@dataclass
class Answer:
    """Hold what `zoo run` answered and left."""

    code: int
    out: str
    err: str
    run_dir: Path

    @property
    def text(self) -> str:
        return self.out + self.err

    def results(self) -> list[Path]:
        return sorted(self.run_dir.rglob("result.json"))

    @property
    def result(self) -> dict[str, Any]:
        """Return the result of the last stage."""
        return json.loads(self.results()[-1].read_text())["result"]

    @property
    def metrics(self) -> dict[str, float]:
        return {metric["name"]: metric["value"] for metric in self.result["metrics"]}


@dataclass
class World:
    """Install stand-ins, write a configuration and run it in this process."""

    root: Path
    shared: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    step_limits: StepLimits = STEPS
    cloud_limits: Limits = FAST
    tool_limit_s: float = 60.0
    programmer: ProgrammerStandIn | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def patch(self) -> None:
        """Put short limits in the place of those for real tools."""
        made = CloudClient.from_environment.__func__
        self.monkeypatch.setattr(
            CloudClient, "from_environment", classmethod(lambda cls, env=None: made(cls, env, self.cloud_limits))
        )
        self.monkeypatch.setattr(
            "zoo_stm32.engines.deploying.DeployJob", lambda **given: DeployJob(**given, limits=self.step_limits)
        )
        self.monkeypatch.setattr("zoo_stm32.engines.vendor.find_stedgeai", self._find)

    def _find(self, path: Path | None, *, expected_version: str = "") -> Any:
        found = find_stedgeai(path, expected_version=expected_version, limit_s=self.tool_limit_s)
        return replace(found, limit_s=self.tool_limit_s, poll_s=0.05)

    def use(self, server: CloudServer, *, login: str = "token") -> None:
        """Lead the client to a stand-in of the cloud."""
        for name, value in server.environment(login=login).items():
            self.monkeypatch.setenv(name, value)

    def tool(self, **choices: Any) -> Path:
        """Install ST Edge AI Core as it lies in an installation, with its runtime library."""
        folder = self.root / "STEdgeAI"
        for name in ("Inc/ai_platform.h", "Lib/GCC/ARMCortexM7/NetworkRuntime_CM7.a"):
            path = folder / "Middlewares/ST/AI" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return install_stedgeai(folder / "Utilities" / "linux", **choices)

    def bench(self, board: str, *, build: str = "none", failure: str = "none", probes: Any = None) -> dict[str, str]:
        """Install everything that a deployment to a microcontroller needs; return what the configuration says."""
        connected = [("0001", board)] if probes is None else probes
        self.programmer = install_programmer(self.root / "programmer", connected, failure=failure)
        self.monkeypatch.setenv("STM32_CUBE_PROG_EXE", str(self.programmer.programmer))
        address = 0x34000400 if "N6" in board else 0x08000000
        cubeide = install_cubeide(self.root / "cubeide", failure=build, flash_address=address)
        return {"cubeide": str(cubeide), "project": str(make_project(self.root / "project", board))}

    def mpu(self, board: str, *, failure: str = "none") -> Path:
        """Install ssh, a board and the project of an application processor; return the project."""
        series = "STM32MP2" if "MP2" in board else "STM32MP1"
        project = self.root / "mpu"
        for name in ("Application/app.py", "Resources/font.ttf", f"{series}/launch_demo.sh"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text("#!/bin/sh\n")
        install_ssh(self.root / "ssh", self.root / "board", failure=failure)
        self.monkeypatch.setenv("PATH", str(self.root / "ssh"), prepend=":")
        return project

    def run(self, text: str, *overrides: str, model: str = "tiny.onnx", run_dir: str = "run") -> Answer:
        """Run a configuration whose sections `model` and `hydra` are added."""
        folder = self.root / run_dir
        path = self.root / "config.yaml"
        head = "" if "model:" in text else f"model: {{model_path: {self.shared / model}}}\n"
        path.write_text(f"{head}hydra: {{run: {{dir: {folder}}}}}\n{text}")
        return self._call(["run", str(path), *overrides], folder)

    def resume(self, *overrides: str, run_dir: str = "run") -> Answer:
        """Go on with the run."""
        folder = self.root / run_dir
        return self._call(["run", "--resume", str(folder), *overrides], folder)

    def _call(self, arguments: list[str], folder: Path) -> Answer:
        self.capsys.readouterr()
        code = run_cli(arguments)
        captured = self.capsys.readouterr()
        return Answer(code, captured.out, captured.err, folder)


@pytest.fixture
def world(tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> World:
    """Return an empty world without any of the user's own tools or logins."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    made = World(tmp_path, shared, capsys, monkeypatch)
    made.patch()
    return made


@pytest.fixture
def cloud(world: World) -> Iterator[CloudServer]:
    """Serve the Developer Cloud and log in to it."""
    with CloudServer() as server:
        world.use(server)
        yield server


@pytest.fixture
def failing_cloud(world: World) -> Iterator[Callable[..., CloudServer]]:
    """Return a function that serves a Developer Cloud with a failure."""
    servers: list[CloudServer] = []

    def serve(*, login: str = "token", **choices: Any) -> CloudServer:
        server = CloudServer(**choices)
        server.__enter__()
        servers.append(server)
        world.use(server, login=login)
        return server

    yield serve
    for server in servers:
        server.__exit__(None, None, None)
