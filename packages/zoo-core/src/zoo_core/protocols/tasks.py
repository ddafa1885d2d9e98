"""Own what a use case offers: preprocessing, metrics, predictions, losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from zoo_core.artifacts import InputSpec
from zoo_core.charts import Drawing
from zoo_core.protocols.data import ImageDataset, Sample
from zoo_core.results import MetricValue

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from PIL.Image import Image


class Preprocessing(Protocol):
    """Turn an image into a model's input; one object serves training, calibration and evaluation."""

    @property
    def input(self) -> InputSpec:
        """Return the size it makes."""
        ...

    def __call__(self, image: Image) -> torch.Tensor:
        """Return a float32 tensor of shape (C, H, W)."""
        ...

    def to_metadata(self) -> dict[str, Any]:
        """Return the JSON-able description that is written into exported models."""
        ...

    def value_range(self) -> Sequence[tuple[float, float]]:
        """Return the lowest and highest value of each channel after preprocessing."""
        ...


class Evaluator(Protocol):
    """Gather outputs batch by batch and compute the metrics of a task once at the end."""

    def update(self, outputs: Sequence[npt.NDArray[np.float32]], targets: Any) -> None:
        """Take the outputs of one batch, each with N rows, and the collated targets."""
        ...

    def state(self) -> Any:
        """Return what was gathered as a picklable object, to be merged across processes."""
        ...

    def merge(self, states: Sequence[Any]) -> None:
        """Replace what was gathered by the union of several states."""
        ...

    def compute(self) -> tuple[MetricValue, ...]:
        """Return the metrics; `split` and `model` are left for the caller to fill."""
        ...

    def per_class(self) -> tuple[Mapping[str, Any], ...]:
        """Return one JSON-able row per class."""
        ...

    def write(self, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write tables and pictures, such as a confusion matrix, and return their paths."""
        ...


@runtime_checkable
class JudgesImages(Protocol):
    """Say how right a model is on each single image; offered by evaluators whose report shows right and wrong ones."""

    def image_scores(self) -> Sequence[float]:
        """Return one number from 0, all wrong, to 1, all right, per image, in the order in which `update` took them.

        An image that cannot be right or wrong has `nan`.
        """
        ...

    def right_images(self) -> Sequence[bool]:
        """Tell of each image, in the same order, whether a user would call it right; without meaning for `nan`."""
        ...


@runtime_checkable
class KeepsOutputs(Protocol):
    """Keep what a model gave for every image, so that a `GatheringDecoder` can answer for some without a second run."""

    def outputs_for(
        self, images: Sequence[int]
    ) -> tuple[Sequence[int], Sequence[npt.NDArray[np.float32]], Sequence[Any]]:
        """Return places, outputs and labels of all images that are needed to answer for some, and for these alone.

        Places count the images in the order in which `update` took them, as those of `images` do; each output has a
        row for every place.
        """
        ...


@runtime_checkable
class Charts(Protocol):
    """Give the numbers behind the curves and confusion matrices of an evaluation, for reports that draw them."""

    def drawings(self) -> Sequence[Drawing]:
        """Return the charts of everything that was gathered; at most some thousand numbers each."""
        ...


class Decoder(Protocol):
    """Turn raw outputs into predictions a person can read."""

    def decode(
        self, outputs: Sequence[npt.NDArray[np.float32]], sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        """Return one JSON-able record per image; sizes are (width, height) of the originals."""
        ...

    def draw(self, image: Image, record: Mapping[str, Any]) -> Image:
        """Return a copy of the image with the prediction drawn on it."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able description of the decoding for an exported model."""
        ...

    # A decoder may have `sentence(record, target)`: one short sentence about a prediction and the label of its image,
    # which stands below the picture in reports; and `as_judged(evaluator)`: a fresh decoder that shows what the
    # evaluator of the task has judged, such as boxes from the confidence on that it found best.


@runtime_checkable
class GatheringDecoder(Decoder, Protocol):
    """Turn the outputs for all images together into predictions, such as the nearest of a gallery for every query.

    Offered by decoders that cannot answer before they have seen every image; a prediction then asks these three
    instead of `decode` and `draw`.
    """

    def gather(
        self,
        outputs: Sequence[npt.NDArray[np.float32]],
        names: Sequence[str],
        targets: Sequence[Any],
        sizes: Sequence[tuple[int, int]],
    ) -> None:
        """Take the outputs of one batch with the names, labels and original sizes (width, height) of its N images."""
        ...

    def records(self) -> list[dict[str, Any]]:
        """Return one JSON-able record per answer once all batches are gathered; its `image` is the name of the query.

        Raises:
            DataError: When what was gathered cannot be answered.
        """
        ...

    def draw_record(self, record: Mapping[str, Any], read: Callable[[str], Image]) -> Image:
        """Return the picture of one record; `read` gives an image of the data set by its name."""
        ...


class Task(Protocol):
    """Offer what a use case adds to the generic services; built once per run."""

    preprocessing: Preprocessing

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, Any]]:
        """Return augmentation plus preprocessing: a sample to (image of shape (C, H, W), target)."""
        ...

    def collate_targets(self, targets: Sequence[Any]) -> Any:
        """Return the targets of one batch in the form that criterion and evaluator take."""
        ...

    def batch_transform(self) -> Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]] | None:
        """Return what is applied to whole training batches, such as mixup, or nothing."""
        ...

    def train_sampler(self, dataset: ImageDataset) -> Any | None:
        """Return a sampler of indices with `set_epoch(int)` and `__iter__`, or nothing for shuffling."""
        ...

    def criterion(self) -> torch.nn.Module:
        """Return the loss: `(outputs, targets)` to a scalar tensor or a dict with the key `loss`.

        In evaluation mode it computes the plain loss on targets as `collate_targets` made them. One that changes over
        a training has a method `set_epoch(epoch, epochs)`, called at the start of every epoch, counted from 0.
        """
        ...

    def monitor(self) -> MetricValue:
        """Return the metric that decides which weights are best: name and direction; value is unused."""
        ...

    def evaluator(self) -> Evaluator:
        """Return a fresh evaluator."""
        ...

    def decoder(self) -> Decoder:
        """Return the decoder of predictions."""
        ...

    def model_options(self) -> Mapping[str, Any]:
        """Return what sections other than `model` say about the network itself, for `ModelContext.options`."""
        ...

    # A task may have `export_model(model)`: the network as it is exported, such as with its decoding inside;
    # `draw_target(picture, target)`: a copy of a picture of the model's input with its labels drawn on it, for
    # `zoo data preview` and for the examples of an evaluation;
    # `outputs_are_classes = False`: outputs of exported models do not stand for the classes of the training;
    # `metric_synonyms`: names that users know -> names of its metrics, such as `top1` for `rank1`; and
    # `use_model(model)`: told of the network as soon as it is built.

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, each (N, ...), as sentences."""
        ...

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return the key under which users of ST's services know a metric, such as `int_acc_test_set`."""
        ...
