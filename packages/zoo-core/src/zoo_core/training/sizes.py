"""Own the check that a network takes images of every size that a training shows it."""

from __future__ import annotations

import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.protocols import Task

KEY = "data_augmentation.random_periodic_resizing.image_sizes"
MAP_NDIM = 4
ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def refuse_sizes(model: nn.Module, task: Task) -> None:
    """Refuse training sizes that the network does not take, or that its stride does not divide.

    The sizes are the pairs (height, width) of the task's attribute `training_sizes`, where it has one.

    Raises:
        UserError: Naming the sizes and what is wrong with them.
    """
    sizes: tuple[tuple[int, int], ...] = getattr(task, "training_sizes", ())
    if not sizes:
        return
    size = task.preprocessing.input
    stride = network_stride(model, size)
    odd = [f"{height}x{width}" for height, width in sizes if height % stride or width % stride]
    if odd:
        msg = f"{KEY}: {', '.join(odd)} {'is no multiple' if len(odd) == 1 else 'are no multiples'} of the network's"
        raise UserError(f"{msg} stride, {stride}.", hint=f"Use multiples of {stride} pixels.")
    for height, width in sizes:
        try:
            _run(model, InputSpec(size.channels, height, width))
        except (RuntimeError, AssertionError, ValueError, TypeError) as error:
            msg = f"{KEY}: the model does not take images of {height}x{width} ({error})."
            raise UserError(
                msg, hint="Remove random_periodic_resizing, or choose a fully convolutional model."
            ) from error


def network_stride(model: nn.Module, size: InputSpec) -> int:
    """Return by how much the network shrinks its input before it pools everything: a power of two.

    Measured as the height of the input over the least height, above 1, of any layer's output of shape (N, C, H, W).
    """
    heights = [size.height]

    def look(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == MAP_NDIM and not isinstance(module, ADAPTIVE):
            heights.append(output.shape[-2])

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        _run(model, size)
    finally:
        for hook in hooks:
            hook.remove()
    shrunk = -(-size.height // min(height for height in heights if height > 1))
    return 1 << (shrunk - 1).bit_length()


def _run(model: nn.Module, size: InputSpec) -> None:
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, *size.shape, device=device))
