"""Own the loss of SSD: MultiBox, with as many background boxes as help most.

W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016 (arXiv 1512.02325), section 2.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from zoo_detection.loss.matching import match, pairwise_iou
from zoo_detection.models.ssd_boxes import corners, encode
from zoo_detection.targets import BoxTargets

BACKGROUND = 0


class MultiBoxLoss(nn.Module):
    """Compare the outputs of an SSD with the true boxes: smooth L1 of boxes plus cross entropy of classes.

    Both are summed over the prior boxes that are responsible for a true box and divided by their number; the cross
    entropy also counts background boxes, in each image the `negatives` times as many that are mistaken most.
    """

    priors: torch.Tensor

    def __init__(
        self,
        priors: npt.NDArray[np.float32] | torch.Tensor,
        classes: int,
        *,
        overlap: float = 0.5,
        negatives: int = 3,
    ) -> None:
        """Take what the loss depends on.

        Args:
            priors: Centre x, centre y, width, height in shares of the image, shape (A, 4).
            classes: Number of classes without the background.
            overlap: IoU from which on a prior box is responsible for a true box.
            negatives: Background boxes for each of those.
        """
        super().__init__()
        self.classes = classes
        self.overlap = overlap
        self.negatives = negatives
        self.register_buffer("priors", torch.as_tensor(priors, dtype=torch.float32), persistent=False)

    def forward(self, outputs: tuple[torch.Tensor, ...], targets: BoxTargets) -> dict[str, torch.Tensor]:
        """Return `loss` and its parts `regression_loss` and `classification_loss`, each a number.

        Args:
            outputs: Encoded boxes of shape (N, A, 4) and logits of shape (N, A, classes + 1), background first.
            targets: The true boxes.
        """
        deltas, logits = (output.float() for output in outputs)
        wanted, labels = self.assign(targets)
        positive = labels != BACKGROUND
        count = positive.sum().clamp(min=1)
        regression = functional.smooth_l1_loss(deltas[positive], wanted[positive], reduction="sum") / count
        chosen = positive | self.hardest(logits.detach(), positive)
        classification = functional.cross_entropy(logits[chosen], labels[chosen], reduction="sum") / count
        return {
            "loss": regression + classification,
            "regression_loss": regression,
            "classification_loss": classification,
        }

    def assign(self, targets: BoxTargets) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the network should have given: encoded boxes (N, A, 4), and labels (N, A) with 0 = background.

        Encoded boxes stand only where the label is not the background.
        """
        height, width = targets.size
        scale = targets.boxes.new_tensor([width, height, width, height])
        boxes = targets.boxes.float() / scale
        centres = (boxes[..., :2] + boxes[..., 2:]) / 2
        distances = torch.cdist(self.priors[:, :2].expand(len(boxes), -1, -1), centres)
        overlaps = pairwise_iou(corners(self.priors), boxes)
        matched = match(overlaps, targets.valid, self.overlap, distances)
        labels = matched.new_zeros(matched.shape)
        wanted = self.priors.new_zeros(*matched.shape, 4)
        image, prior = torch.nonzero(matched >= 0, as_tuple=True)
        box = matched[image, prior]
        labels[image, prior] = targets.classes[image, box] + 1
        wanted[image, prior] = encode(boxes[image, box], self.priors[prior])
        return wanted, labels

    def hardest(self, logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Return the background boxes that count, bool of shape (N, A): those least taken for background.

        Args:
            logits: Shape (N, A, classes + 1).
            positive: Which prior boxes are responsible for a true box, bool of shape (N, A).
        """
        mistake = -torch.log_softmax(logits, dim=2)[..., BACKGROUND]
        order = mistake.masked_fill(positive, -torch.inf).argsort(dim=1, descending=True, stable=True)
        rank = order.argsort(dim=1)
        allowed = self.negatives * positive.sum(dim=1, keepdim=True)
        return (rank < allowed) & ~positive
