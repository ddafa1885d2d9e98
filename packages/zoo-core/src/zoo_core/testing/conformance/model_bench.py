"""Own what the checks of one model share: its run, a batch of training images, the trained network and its exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import InputSpec
from zoo_core.protocols import TRAIN, VALIDATION, ModelContext
from zoo_core.testing.tiny_run import SEED, open_tiny_run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from zoo_core.plugins.registry import Resolved
    from zoo_core.services.context import RunContext

SIDE = 64
"""Sides of input images are made smaller until the larger one is no more than this."""
STEP = 32
"""Sides are multiples of it, as most networks need them."""
PASSES = 2
"""Passes with gradients; they also give batch normalisations other statistics than they start with."""


def small_input(usual: InputSpec, *, larger: int = 0) -> InputSpec:
    """Return a small size of about the same shape as a model's own; `larger` adds as many steps to both sides."""
    scale = min(1.0, SIDE / max(usual.height, usual.width))
    sides = [side if scale == 1.0 else max(STEP, round(side * scale / STEP) * STEP) for side in usual.shape[1:]]
    return InputSpec(usual.channels, *(side + larger * STEP for side in sides))


@dataclass(kw_only=True)
class ModelBench:
    """Build a model as a run does, and make of it once what several checks look at."""

    resolved: Resolved[Any]
    component: str
    folder: Path
    section: Mapping[str, Any]
    dataset: Mapping[str, Any]
    training: Mapping[str, Any]
    input: InputSpec
    _count: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def open(self, **changes: Any) -> RunContext:
        """Return a run of the model; `changes` are further keys of the `model` section."""
        model = {"model_name": self.component, "input_shape": list(self.input.shape), **self.section, **changes}
        document = {
            "operation_mode": "chain_tq",
            "use_case": self.resolved.spec.task,
            "model": model,
            "dataset": dict(self.dataset),
            "training": {"epochs": 2, **self.training},
            "quantization": {"quantizer": "onnx_quantizer"},
        }
        splits = frozenset({TRAIN, VALIDATION})
        return open_tiny_run(self.folder / f"run_{next(self._count)}", document, splits=splits)

    @cached_property
    def context(self) -> RunContext:
        """Return the run that the checks share."""
        return self.open()

    def build(self, classes: int | None = None, size: InputSpec | None = None) -> torch.nn.Module:
        """Return a new network with seeded weights, for the classes of the data set or for others."""
        from zoo_core.data.seeding import seed_everything

        seed_everything(SEED)
        if classes is None and size is None:
            return self.context.build_model()
        context = ModelContext(
            num_classes=len(self.context.class_names) if classes is None else classes,
            input=self.input if size is None else size,
            options=self.context.task.model_options(),
        )
        network: torch.nn.Module = self.resolved.build(self.context.config.model, context)
        return network

    def images(self, count: int, size: InputSpec | None = None) -> torch.Tensor:
        """Return seeded images of shape (N, C, H, W) in the range that the preprocessing of the use case gives."""
        import torch

        shape = (self.input if size is None else size).shape
        low, high = torch.tensor(self.context.task.preprocessing.value_range(), dtype=torch.float32).T
        draw = torch.rand((count, *shape), generator=torch.Generator().manual_seed(SEED))
        images: torch.Tensor = low.reshape(1, -1, 1, 1) + (high - low).reshape(1, -1, 1, 1) * draw
        return images

    @cached_property
    def batches(self) -> list[tuple[torch.Tensor, Any]]:
        """Return the first batches of a training, as its loader gives them."""
        from zoo_core.data.loader import train_loader

        context = self.context
        loader = train_loader(context.dataset(TRAIN), context.task, context.config.training, context.config.dataset, 0)
        mix = context.task.batch_transform()
        first = [batch for batch, _ in zip(loader, range(PASSES), strict=False)]
        loader.close()
        return first if mix is None else [mix(*batch) for batch in first]

    @cached_property
    def learnt(self) -> tuple[torch.nn.Module, list[float]]:
        """Return a network after two passes with gradients, in evaluation mode, and the losses.

        No step is taken: gradients of a deep network at its start are so large that float32 is not exact after it.
        """
        from zoo_core.training.validation import loss_parts

        model, criterion = self.build(), self.context.task.criterion()
        model.train()
        losses = []
        for images, targets in self.batches:
            model.zero_grad()
            loss = loss_parts(criterion(model(images), targets))["loss"]
            loss.backward()  # type: ignore[no-untyped-call] # torch has no annotation for it
            losses.append(float(loss.detach()))
        return model.eval(), losses

    def exported_form(self, model: torch.nn.Module) -> torch.nn.Module:
        """Return the network as it is exported."""
        wrap = getattr(self.context.task, "export_model", None)
        network: torch.nn.Module = wrap(model) if callable(wrap) else model
        return network.eval()

    def outputs(self, model: torch.nn.Module, images: torch.Tensor) -> list[npt.NDArray[np.float32]]:
        """Return every output of a network in its exported form."""
        import torch

        from zoo_core.export.outputs import flatten_outputs

        with torch.no_grad():
            return [output.numpy() for output in flatten_outputs(self.exported_form(model)(images))]

    @cached_property
    def onnx(self) -> Path:
        """Return the file of the network, exported as a run exports it."""
        from zoo_core.export.onnx_export import export_onnx

        path = self.folder / "model.onnx"
        export_onnx(
            self.exported_form(self.learnt[0]),
            self.input,
            path,
            metadata=self.context.exported_description(),
            value_range=self.context.task.preprocessing.value_range(),
        )
        return path

    @cached_property
    def int8(self) -> Path:
        """Return the file after quantization by the built-in quantizer, calibrated on seeded images."""
        from zoo_core.quantization.config import OnnxQuantizerSection
        from zoo_core.quantization.onnx_quantizer import build
        from zoo_core.testing.tiny_onnx import quantization_job

        job = replace(quantization_job(self.onnx, self.folder / "int8"), calibration=_Images(self.images(4).numpy()))
        return build(OnnxQuantizerSection()).quantize(job).path


class _Images:
    """Give images one by one to a quantizer."""

    source = "random"
    names: Sequence[str] = ()
    skipped = ()

    def __init__(self, images: npt.NDArray[np.float32]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        return (image[None] for image in self._images)
