"""Own stand-ins for what an installation of ST Edge AI Core brings beside its program: runtime package and loaders.

The stand-in of the program puts the model itself into its library for this computer; this module computes it with
ONNX Runtime as generated code would: whole numbers in and out, channels last where that was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LIBRARY = Path("lib", "network.onnx")
SETTINGS = Path("lib", "network.json")
PACKAGE = "from zoo_stm32.testing.ai_runner import AiRunner\n"
LOADER = """\
import json, pathlib, sys
settings = json.loads(pathlib.Path(sys.argv[2]).read_text())
print("building", settings["network.c"], settings.get("project_build_conf"))
sys.exit(0 if pathlib.Path(settings["network.c"]).is_file() and settings["stand_in"] == "works" else 3)
"""
LOADERS = (
    ("N6_scripts", "n6_loader.py", "config_n6l.json"),
    ("H7P_scripts", "h7p_loader.py", "config_h7p.json"),
)
SHIFT = 128


def install_scripts(installation: Path, *, loader: str = "works") -> Path:
    """Write the folder `scripts` of an installation and return it; with another word than `works` loaders fail."""
    scripts = installation / "scripts"
    package = scripts / "ai_runner" / "stm_ai_runner"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    for folder, script, settings in LOADERS:
        place = scripts / folder
        place.mkdir(exist_ok=True)
        (place / script).write_text(LOADER, encoding="utf-8")
        content = {"project_path": str(installation), "network.c": "", "stand_in": loader}
        (place / settings).write_text(json.dumps(content), encoding="utf-8")
    return scripts


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """Describe a tensor as it lies in memory; without a scale it holds real numbers."""

    type: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass
class StandInNetwork:
    """Compute a quantized model with one input and one output as its generated code does."""

    model: Path
    input_type: str = "uint8"
    output_type: str = "int8"
    channels_last: bool = True
    input: TensorInfo = field(init=False)
    output: TensorInfo = field(init=False)

    def __post_init__(self) -> None:
        """Read scales and shapes from the model."""
        import onnx
        import onnxruntime
        from onnx import numpy_helper

        graph = onnx.load(self.model).graph
        constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
        first = next(node for node in graph.node if graph.input[0].name in node.input)
        last = next(node for node in graph.node if graph.output[0].name in node.output)
        self._session = onnxruntime.InferenceSession(str(self.model), providers=["CPUExecutionProvider"])
        shape = [axis.dim_value or 1 for axis in graph.input[0].type.tensor_type.shape.dim]
        if self.channels_last:
            shape = [shape[0], *shape[2:], shape[1]]
        outputs = tuple(axis.dim_value or 1 for axis in graph.output[0].type.tensor_type.shape.dim)
        self.input = _info(self.input_type, tuple(shape), first, constants)
        self.output = _info(self.output_type, outputs, last, constants)

    def compute(self, inputs: Sequence[bytes]) -> list[bytes]:
        """Return the bytes of the output for those of the input."""
        import numpy as np

        stored = np.frombuffer(inputs[0], self.input.type).reshape(self.input.shape)
        return [np.ascontiguousarray(self.run(stored)).tobytes()]

    def run(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the output as it lies in memory for an input as it lies there."""
        import numpy as np

        image = _real(stored, self.input)
        if self.channels_last:
            image = np.moveaxis(image, -1, 1)
        found = self._session.run(None, {self._session.get_inputs()[0].name: np.ascontiguousarray(image)})[0]
        if not self.output.scale:
            return np.asarray(found, np.float32)
        limits = np.iinfo(self.output.type)
        steps = np.rint(found / np.float32(self.output.scale)) + self.output.zero_point
        return np.asarray(np.clip(steps, limits.min, limits.max).astype(self.output.type))


class AiRunner:
    """Answer as the class of that name in ST's package, for the library that the stand-in of the program makes."""

    def __init__(self) -> None:
        self._network: StandInNetwork | None = None
        self._error = ""

    def connect(self, workspace: str) -> bool:
        """Load the library in a workspace; tell whether that went well."""
        folder = Path(workspace)
        if not (folder / LIBRARY).is_file():
            self._error = f"no library in {workspace}"
            return False
        self._network = StandInNetwork(folder / LIBRARY, **json.loads((folder / SETTINGS).read_text()))
        return True

    def get_error(self) -> str:
        """Return why nothing was loaded."""
        return self._error

    def get_info(self) -> dict[str, Any]:
        """Return what the network is called."""
        return {"name": "network"}

    def get_input_infos(self) -> list[dict[str, Any]]:
        """Describe the inputs."""
        return [] if self._network is None else [_described(self._network.input)]

    def get_output_infos(self) -> list[dict[str, Any]]:
        """Describe the outputs."""
        return [] if self._network is None else [_described(self._network.output)]

    def invoke(self, inputs: Sequence[npt.NDArray[Any]]) -> tuple[list[npt.NDArray[Any]], dict[str, Any]]:
        """Compute one sample."""
        return ([] if self._network is None else [self._network.run(inputs[0])]), {}


def _described(info: TensorInfo) -> dict[str, Any]:
    import numpy as np

    scale = {"scale": info.scale, "zero_point": info.zero_point} if info.scale else {"scale": None, "zero_point": None}
    return {"name": "", "type": np.dtype(info.type).type, "shape": info.shape, **scale}


def _info(wanted: str, shape: tuple[int, ...], node: Any, constants: dict[str, npt.NDArray[np.generic]]) -> TensorInfo:
    """Return scale and zero point of a quantizer at the border of the model, moved to the wanted type."""
    if wanted == "float32" or node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return TensorInfo(type="float32", shape=shape)
    zero = constants[node.input[2]]
    shift = {("int8", "uint8"): SHIFT, ("uint8", "int8"): -SHIFT}.get((zero.dtype.name, wanted), 0)
    return TensorInfo(
        type=wanted, shape=shape, scale=float(constants[node.input[1]].item()), zero_point=int(zero.item()) + shift
    )


def _real(stored: npt.NDArray[Any], info: TensorInfo) -> npt.NDArray[np.float32]:
    import numpy as np

    if not info.scale:
        return stored.astype(np.float32)
    return ((stored.astype(np.float32) - np.float32(info.zero_point)) * np.float32(info.scale)).astype(np.float32)
