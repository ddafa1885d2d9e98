"""Own the check that the inputs of a run are those of the network."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_core.errors import UserError
from zoo_stm32.artifacts import FirmwareImage
from zoo_stm32.emulator.memory import count_bytes


def check_inputs(image: FirmwareImage, inputs: Sequence[bytes]) -> None:
    """Refuse inputs whose number or sizes are not those of the network.

    Raises:
        UserError: Naming the input, what it takes and what was found.
    """
    tensors = image.inputs
    if len(inputs) != len(tensors):
        names = ", ".join(tensor.name for tensor in tensors)
        plural = "" if len(tensors) == 1 else "s"
        raise UserError(f"The network takes {len(tensors)} input{plural} ({names}); found {len(inputs)}.")
    for tensor, content in zip(tensors, inputs, strict=True):
        if len(content) != tensor.bytes:
            shape = "x".join(map(str, tensor.shape))
            raise UserError(
                f"Input {tensor.name} takes {count_bytes(tensor.bytes)} ({tensor.type} {shape}); "
                f"found {count_bytes(len(content))}.",
                hint="Pass stored values: IoTensor.quantize(values).tobytes().",
            )
