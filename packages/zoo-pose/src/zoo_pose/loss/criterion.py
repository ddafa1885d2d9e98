"""Own the training loss of models that give heat maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from zoo_pose.config.training import HeatmapsSection
from zoo_pose.labels import PoseTargets
from zoo_pose.loss.heatmap_loss import LOSSES
from zoo_pose.loss.heatmap_targets import make_targets

LOSS = "loss"
PART = "heatmap_loss"


class HeatmapLoss(nn.Module):
    """Compare heat maps with the labelled keypoints; maps of keypoints that no pose of the image shows do not count."""

    def __init__(self, section: HeatmapsSection) -> None:
        """Take form of the targets and kind of the loss from `training.heatmaps`."""
        super().__init__()
        self.section = section

    def forward(self, outputs: Any, targets: PoseTargets) -> dict[str, torch.Tensor]:
        """Return the mean over all maps that count as `loss`, 0 when there are none; computed in float32.

        Args:
            outputs: Heat maps of shape (N, K, H, W), or a sequence that begins with them.
            targets: Poses of the N images, in pixels of the model's input.
        """
        maps = outputs if isinstance(outputs, torch.Tensor) else outputs[0]
        with torch.autocast(maps.device.type, enabled=False):
            maps = maps.float()
            size = (maps.shape[2], maps.shape[3])
            wanted = make_targets(targets, size, self.section.target, self.section.sigma)
            each = LOSSES[self.section.loss](maps, wanted)
            counted = torch.where(wanted.shown, each, 0.0)
            loss = counted.sum() / wanted.shown.sum().clamp(min=1)
        return {LOSS: loss, PART: loss.detach()}
