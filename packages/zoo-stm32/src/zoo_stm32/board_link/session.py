"""Own sessions that compute on a board: quantize, send, take back, restore the order of the model's own outputs.

Tensor letters: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_stm32.board_link.framing import WRONG_FIRMWARE
from zoo_stm32.board_link.messages import Network, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from zoo_stm32.board_link.link import Run


class Link(Protocol):
    """Reach something that holds networks: a board, or ST's runtime on this computer."""

    @property
    def name(self) -> str:
        """Return the name by which the user knows it."""
        ...

    def connect(self) -> None:
        """Find it and check what it is."""
        ...

    def networks(self) -> tuple[Network, ...]:
        """Return what it can compute."""
        ...

    def run(self, network: Network, inputs: Sequence[bytes]) -> Run:
        """Compute one sample."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """State what the model is, to tell whether the board holds it."""

    input: InputSpec
    output_shapes: tuple[tuple[int, ...], ...]
    """Shape of each output without the batch, as in the ONNX file."""


class BoardSession:
    """Run a model on a board, one image after the other."""

    def __init__(self, link: Link, expected: Expected) -> None:
        """Connect and check that the board holds the model.

        Raises:
            ZooError: When the board does not answer or holds another network.
        """
        link.connect()
        self._link = link
        self._expected = expected
        self.input = expected.input
        self.network = _matching(link.networks(), expected, link.name)
        self.durations_ms: list[float] = []

    def run(self, images: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """Return every output for images of shape (N, C, H, W), each with N rows.

        Raises:
            ZooError: When the board fails; nothing is returned then.
        """
        import numpy as np

        if images.shape[1:] != self.input.shape:
            raise UserError(f"Images of shape {images.shape[1:]} were given to a model that takes {self.input}.")
        rows = [self._run_one(image) for image in images]
        shapes = self._expected.output_shapes
        return tuple(
            np.stack([row[index] for row in rows]) if rows else np.zeros((0, *shape), np.float32)
            for index, shape in enumerate(shapes)
        )

    def close(self) -> None:
        """Let the board go."""
        self._link.close()

    def _run_one(self, image: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        tensor = self.network.inputs[0]
        values = image.transpose(1, 2, 0) if _channels_last(tensor.shape, self.input.shape) else image
        result = self._link.run(self.network, [quantize(values, tensor).tobytes()])
        self.durations_ms.append(result.duration_ms)
        outputs = zip(self.network.outputs, result.outputs, self._expected.output_shapes, strict=True)
        return [arrange(dequantize(data, tensor), tensor.shape, shape) for tensor, data, shape in outputs]


def quantize(values: npt.NDArray[np.float32], tensor: Tensor) -> npt.NDArray[np.generic]:
    """Return values in a tensor's number format: rounded to even, saturated; little-endian."""
    import numpy as np

    if tensor.type.startswith("float"):
        return values.astype("<f4")
    limits = np.iinfo(tensor.type)
    steps = np.rint(values / np.float32(tensor.scale)) + tensor.zero_point
    stored: npt.NDArray[np.generic] = np.clip(steps, limits.min, limits.max).astype(
        np.dtype(tensor.type).newbyteorder("<")
    )
    return stored


def dequantize(data: bytes, tensor: Tensor) -> npt.NDArray[np.float32]:
    """Return the values that a tensor's bytes stand for, flat."""
    import numpy as np

    found = np.frombuffer(data, np.dtype(tensor.type).newbyteorder("<"))
    if tensor.type.startswith("float"):
        return found.astype(np.float32)
    return ((found.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)).astype(np.float32)


def arrange(values: npt.NDArray[np.float32], stored: Sequence[int], wanted: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return flat values in the model's own shape; where the board puts channels last they come back first."""
    import numpy as np

    if len(wanted) > 1 and _channels_last(stored, wanted):
        moved = (*wanted[1:], wanted[0])
        return np.ascontiguousarray(np.moveaxis(values.reshape(moved), -1, 0))
    return values.reshape(wanted)


def _channels_last(stored: Sequence[int], wanted: Sequence[int]) -> bool:
    """Tell whether sizes in memory are those of a shape with its first axis moved to the end."""
    moved = _without_ones((*wanted[1:], wanted[0]))
    return _without_ones(stored) == moved and moved != _without_ones(wanted)


def _without_ones(sizes: Sequence[int]) -> list[int]:
    return [size for size in sizes if size != 1]


def _matching(networks: Sequence[Network], expected: Expected, name: str) -> Network:
    """Return the network that has the model's input and outputs.

    Raises:
        UserError: When none has; the differences of the first are named.
    """
    problems = [_differences(network, expected) for network in networks]
    for network, lines in zip(networks, problems, strict=True):
        if not lines:
            return network
    lines = problems[0]
    raise UserError(
        "\n".join(
            [f"The board at {name} holds another network ({networks[0].name}):", *(f"  {line}" for line in lines)]
        ),
        hint=WRONG_FIRMWARE,
    )


def _differences(network: Network, expected: Expected) -> list[str]:
    wanted = [("input", network.inputs, (expected.input.shape,)), ("output", network.outputs, expected.output_shapes)]
    lines = []
    for what, tensors, shapes in wanted:
        if len(tensors) != len(shapes):
            lines.append(f"{len(tensors)} {what}s, the model has {len(shapes)}")
            continue
        for index, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
            if tensor.size != prod(shape):
                lines.append(f"{what} {index}: {tensor.size:,} values, the model has {prod(shape):,}")
            elif not tensor.type.startswith("float") and not tensor.scale > 0:
                lines.append(f"{what} {index}: {tensor.type} without a scale")
    return lines
