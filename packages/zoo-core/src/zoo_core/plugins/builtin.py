"""Own the components that core itself provides, declared through the same hooks as everybody's."""

from __future__ import annotations

from collections.abc import Iterator

from zoo_core.hookspecs import hookimpl
from zoo_core.lazy import LazyRef
from zoo_core.specs import BENCHMARK, INFER, QuantizerSpec, TargetSpec, TrackerSpec, TrainerSpec

zoo_api = 1


@hookimpl
def zoo_trainers() -> Iterator[TrainerSpec]:
    """Declare the trainer that serves every use case."""
    yield TrainerSpec(
        name="lightning",
        summary="Training loop on Lightning with timm's optimizers and schedules.",
        build=LazyRef("zoo_core.training.trainer:build", extra="zoo-core[torch]"),
    )


@hookimpl
def zoo_quantizers() -> Iterator[QuantizerSpec]:
    """Declare post-training quantization by onnxruntime."""
    yield QuantizerSpec(
        name="onnx_quantizer",
        summary="Static post-training quantization of ONNX models by onnxruntime.",
        aliases=("Onnx_quantizer", "TFlite_converter"),
        build=LazyRef("zoo_core.quantization.onnx_quantizer:build", extra="zoo-core[onnx]"),
        config=LazyRef("zoo_core.quantization.config:OnnxQuantizerSection"),
    )


@hookimpl
def zoo_targets() -> Iterator[TargetSpec]:
    """Declare this machine as a place where models run."""
    yield TargetSpec(
        name="host",
        summary="This machine, through onnxruntime.",
        build=LazyRef("zoo_core.inference.host:build", extra="zoo-core[onnx]"),
        abilities=frozenset({BENCHMARK, INFER}),
    )


@hookimpl
def zoo_trackers() -> Iterator[TrackerSpec]:
    """Declare the experiment trackers that users of ST's services know."""
    package = "zoo_core.reporting.trackers"
    yield TrackerSpec(
        name="tensorboard",
        summary="TensorBoard event files in the run folder; off with training.log_tb: False.",
        build=LazyRef(f"{package}.tensorboard_tracker:build", extra="tensorboardX"),
        asked_for=LazyRef(f"{package}.asking:tensorboard"),
        light=True,
    )
    yield TrackerSpec(
        name="mlflow",
        summary="MLflow server or folder; on with mlflow.uri where MLflow is installed.",
        build=LazyRef(f"{package}.mlflow_tracker:build", extra="zoo-core[mlflow]"),
        asked_for=LazyRef(f"{package}.asking:mlflow"),
        warm_up=LazyRef(f"{package}.mlflow_tracker:warm_up"),
    )
    yield TrackerSpec(
        name="clearml",
        summary="ClearML task; on where a clearml.conf exists or CLEARML_OFFLINE_MODE is set.",
        build=LazyRef(f"{package}.clearml_tracker:build", extra="zoo-core[clearml]"),
        asked_for=LazyRef(f"{package}.asking:clearml"),
        warm_up=LazyRef(f"{package}.clearml_tracker:warm_up"),
    )
    yield TrackerSpec(
        name="wandb",
        summary="Weights & Biases; on with training.log_wandb, offline with WANDB_MODE=offline.",
        build=LazyRef(f"{package}.wandb_tracker:build", extra="zoo-core[wandb]"),
        asked_for=LazyRef(f"{package}.asking:wandb"),
        warm_up=LazyRef(f"{package}.wandb_tracker:warm_up"),
    )
