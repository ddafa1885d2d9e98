"""Own the elements of a graph: channels of different tensors that can only be scaled by one common factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.quantization.equalization.layers import LinearLayer

Labels = npt.NDArray[np.int64]
"""Element of every value of a tensor; an axis along which they are equal has size 1."""
Shape = tuple[int, ...]
FIXED = 0
"""The element whose factor is 1: inputs and outputs of the model, and what other operators read or make."""


@dataclass(frozen=True, slots=True)
class ScaledConstant:
    """Name a constant that has to follow the factors of the tensor it is added to."""

    node: onnx.NodeProto
    position: int
    labels: Labels


@dataclass(frozen=True, slots=True)
class BoundedTensor:
    """Name a clip from zero to an upper bound, which is exact only where the bound is not reached or not scaled."""

    node: onnx.NodeProto
    source: str
    bound: float
    labels: Labels


@dataclass(slots=True)
class Elements:
    """Give every channel of every tensor an element, and join those that must be scaled together."""

    shapes: Mapping[str, Shape]
    labels: dict[str, Labels] = field(default_factory=dict)
    layers: list[LinearLayer] = field(default_factory=list)
    constants: list[ScaledConstant] = field(default_factory=list)
    bounded: list[BoundedTensor] = field(default_factory=list)
    _parents: list[int] = field(default_factory=lambda: [FIXED])

    def fresh(self, count: int) -> Labels:
        """Return new elements of shape (count,)."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def find(self, label: int) -> int:
        """Return the representative of an element; that of the fixed ones is `FIXED`."""
        while self._parents[label] != label:
            self._parents[label] = self._parents[self._parents[label]]
            label = self._parents[label]
        return label

    def join(self, first: Labels, second: Labels) -> None:
        """Make elements one, pair by pair after broadcasting."""
        pairs = np.stack([array.ravel() for array in np.broadcast_arrays(first, second)], axis=1)
        for one, other in np.unique(pairs, axis=0):
            low, high = sorted((self.find(int(one)), self.find(int(other))))
            self._parents[high] = low

    def fix(self, labels: Labels) -> None:
        """Fix the factor of elements at 1."""
        self.join(np.array([FIXED]), labels)

    def is_fixed(self, labels: Labels) -> bool:
        """Tell whether every one of the elements is fixed."""
        return bool((self.representatives()[labels] == FIXED).all())

    def representatives(self) -> Labels:
        """Return the representative of every element, by its number."""
        return np.array([self.find(label) for label in range(len(self._parents))])

    def merge_axis(self, labels: Labels, axis: int) -> Labels:
        """Join the elements along an axis and return the labels with size 1 there."""
        first = labels.take([0], axis=axis)
        if labels.shape[axis] > 1:
            self.join(first, labels)
        return first

    def channels(self, labels: Labels, axis: int, count: int) -> Labels:
        """Return one element per channel of shape (count,), joining what differs along other axes."""
        axis %= labels.ndim
        for other in range(labels.ndim):
            if other != axis:
                labels = self.merge_axis(labels, other)
        return np.broadcast_to(labels.reshape(-1), (count,))


def along(labels: Labels, axis: int, rank: int) -> Labels:
    """Return labels of shape (channels,) as those of a tensor of some rank."""
    shape = [1] * rank
    shape[axis] = -1
    return labels.reshape(shape)


def compress(labels: Labels) -> Labels:
    """Reduce every axis along which all labels are equal to size 1."""
    for axis in range(labels.ndim):
        first = labels.take([0], axis=axis)
        if labels.shape[axis] > 1 and (labels == first).all():
            labels = first
    return labels
