"""Own detectors as they are exported: outputs with names, boxes decoded outside or inside the graph."""

from __future__ import annotations

import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_detection.names import SSD

RAW_NAMES = {2: ("boxes", "scores"), 3: ("boxes", "objectness", "classes")}
"""Names of the raw outputs of a network, by their number."""
DECODED_NAMES = ("boxes", "scores")
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2


class RawDetector(nn.Module):
    """Give the outputs of a network their names."""

    def __init__(self, network: nn.Module, outputs: int) -> None:
        super().__init__()
        self.network = network
        self.output_names = RAW_NAMES.get(outputs, ())

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the raw outputs for images of shape (N, C, H, W)."""
        outputs: tuple[torch.Tensor, ...] = self.network(images)
        return outputs


class DecodedYolod(nn.Module):
    """Turn the outputs of an ST_YOLOD into boxes in shares of the input, shape (N, A, 4), and scores (N, A, C)."""

    def __init__(self, network: nn.Module, strides: tuple[int, ...], input: InputSpec) -> None:
        super().__init__()
        self.network = network
        self.output_names = DECODED_NAMES
        cells, steps = _cells(strides, input)
        size = torch.tensor([input.width, input.height], dtype=torch.float32)
        self.register_buffer("cells", cells, persistent=False)
        self.register_buffer("steps", steps / size, persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return boxes (left, top, right, bottom) and the scores of every class."""
        boxes, objectness, classes = self.network(images)
        centres = (boxes[..., :2] + self.get_buffer("cells")) * self.get_buffer("steps")
        halves = boxes[..., 2:].exp() * self.get_buffer("steps") / 2
        return torch.cat([centres - halves, centres + halves], -1), objectness.sigmoid() * classes.sigmoid()


class DecodedSsd(nn.Module):
    """Turn the outputs of an SSD into boxes in shares of the input, shape (N, A, 4), and scores (N, A, C)."""

    def __init__(self, network: nn.Module, priors: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.output_names = DECODED_NAMES
        self.register_buffer("prior_centres", priors[:, :2].clone(), persistent=False)
        self.register_buffer("prior_sizes", priors[:, 2:].clone(), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return boxes (left, top, right, bottom) and the scores of every class, the background left out."""
        boxes, logits = self.network(images)
        sizes = self.get_buffer("prior_sizes")
        centres = self.get_buffer("prior_centres") + boxes[..., :2] * CENTRE_VARIANCE * sizes
        halves = (boxes[..., 2:] * SIZE_VARIANCE).exp() * sizes / 2
        return torch.cat([centres - halves, centres + halves], -1), logits.softmax(-1)[..., 1:]


def decoded(network: nn.Module, family: str, input: InputSpec) -> nn.Module:
    """Return a network whose outputs are decoded, of either family that is trained here."""
    if family == SSD:
        priors: torch.Tensor = network.get_buffer("priors")
        return DecodedSsd(network, priors)
    strides: tuple[int, ...] = tuple(getattr(network, "strides", (8, 16, 32)))
    return DecodedYolod(network, strides, input)


def _cells(strides: tuple[int, ...], input: InputSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """Return column and row of every cell, and its stride, each of shape (A, 2)."""
    cells, steps = [], []
    for stride in strides:
        rows, columns = torch.meshgrid(
            torch.arange(input.height // stride), torch.arange(input.width // stride), indexing="ij"
        )
        level = torch.stack([columns, rows], -1).reshape(-1, 2).float()
        cells.append(level)
        steps.append(torch.full_like(level, float(stride)))
    return torch.cat(cells), torch.cat(steps)
