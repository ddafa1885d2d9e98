"""Own the sections of the user's file that every use case shares, key by key.

Task packages subclass them beside the components that take more keys. Defaults stand here, once.
Keys are in the canonical place; `config.dialects` moves what other releases put elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from zoo_core.config.section import Section
from zoo_core.config.values import IndexList, Schedule

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
ExistingPath = Annotated[Path, "existing path"]
"""A path that must exist; the check reports the absolute path it tried."""
ExistingDir = Annotated[Path, "existing directory"]
ExistingFile = Annotated[Path, "existing file"]


class GeneralSection(Section):
    """Hold what belongs to the whole run."""

    project_name: str = "<unnamed>"
    """Name under which trackers file the run."""
    output: str = ""
    """Folder of the run; empty means `hydra.run.dir`."""
    logs_dir: str = "logs"
    """Folder for tracker files inside the run."""
    saved_models_dir: str = "saved_models"
    """Folder for checkpoints and exported models inside the run."""
    seed: int | None = 42
    """Seed of everything random; `None` draws one and records it."""
    deterministic_ops: bool = False
    """Refuse operations whose result depends on scheduling."""
    display_figures: bool = False
    """Accepted; figures are always written to files and never open windows."""
    gpu_memory_limit: NonNegativeFloat | None = None
    """Limit of GPU memory in GB; 0 or nothing means no limit."""
    device: str | None = None
    """`cpu`, `cuda`, `mps` or `auto`."""
    local_rank: NonNegativeInt = 0
    """Accepted; the rank is taken from the launcher."""
    num_threads: PositiveInt | None = None
    """CPU threads of torch and onnxruntime."""


class ModelSection(Section):
    """Choose the model by name, by file, or both."""

    framework: Literal["torch"] | None = None
    """Only torch; accepted because ST's files state it."""
    model_name: str | None = None
    """Name as listed by `zoo list models`."""
    model_path: ExistingFile | None = None
    """`.pt`, `.pth`, `.pth.tar` weights or an `.onnx` graph."""
    model_type: str | None = None
    """Family of the output decoding, where a use case has several."""
    input_shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """(channels, height, width); (height, width, channels) is recognised."""
    num_classes: PositiveInt | None = None
    """Number of classes when no data set states it."""
    pretrained: bool = False
    """Load weights trained on `pretrained_dataset`."""
    pretrained_dataset: str | None = None
    pretrained_input_shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    pretrained_model_path: ExistingFile | None = None
    """Checkpoint whose backbone weights are transferred where names and shapes match."""


class DatasetSection(Section):
    """Say where the images are and how they are divided."""

    dataset_name: str | None = None
    """Name as listed by `zoo list datasets`; a free name means the use case's folder format."""
    class_names: tuple[str, ...] | None = None
    """Classes in the user's order; deduced from the data when absent."""
    classes_file_path: ExistingFile | None = None
    """Text file with one class name per line."""
    num_classes: PositiveInt | None = None
    training_path: ExistingPath | None = None
    validation_path: ExistingPath | None = None
    validation_split: Fraction | None = None
    """Share of the training set used for validation when no `validation_path` is given; 0.2 by default."""
    test_path: ExistingPath | None = None
    """Test set; the validation set stands in when absent."""
    quantization_path: ExistingPath | None = None
    quantization_split: Share | None = None
    """Share of the calibration images that is used."""
    prediction_path: ExistingPath | None = None
    check_image_files: bool = False
    """Decode every image first and stop with the list of bad ones."""
    seed: int = 123
    """Seed of the splits."""
    workers: NonNegativeInt = 2
    """Loader processes."""
    pin_mem: bool = False
    worker_seeding: Literal["all", "part"] = "all"
    no_prefetcher: bool = True
    use_multi_epochs_loader: bool = False


class RescalingSection(Section):
    """Rescale pixel values: out = scale x in + offset."""

    scale: float = 1 / 255
    offset: float = 0.0


class ResizingSection(Section):
    """Choose how images reach the input size."""

    interpolation: Literal[
        "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic", "random"
    ] = "bilinear"
    aspect_ratio: Literal["fit", "crop", "padding", "full_screen"] = "fit"


class NormalizationSection(Section):
    """Subtract the mean and divide by the standard deviation of each channel, after rescaling."""

    mean: tuple[float, ...] | float | None = None
    std: tuple[PositiveFloat, ...] | PositiveFloat | None = None


class PreprocessingSection(Section):
    """Turn image files into model inputs."""

    rescaling: RescalingSection = RescalingSection()
    resizing: ResizingSection = ResizingSection()
    color_mode: Literal["grayscale", "rgb", "rgba", "bgr"] | None = None
    """Channel order; follows the model's input channels when absent."""
    normalization: NormalizationSection = NormalizationSection()


class OptimizerSection(Section):
    """Choose the optimizer among timm's."""

    opt: str = "sgd"
    opt_eps: PositiveFloat | None = Field(default=None, alias="opt-eps")
    opt_betas: tuple[float, ...] | None = Field(default=None, alias="opt-betas")
    momentum: NonNegativeFloat = 0.9
    weight_decay: NonNegativeFloat = 2e-5
    clip_grad: PositiveFloat | None = None
    clip_mode: Literal["norm", "value", "agc"] = "norm"
    layer_decay: PositiveFloat | None = None
    options: dict[str, float | bool] = Field(default_factory=dict)
    """Further arguments of the optimizer by its own names, such as `nesterov`."""


class LrSchedulerSection(Section):
    """Choose the learning-rate schedule among timm's."""

    sched: Literal["cosine", "tanh", "step", "multistep", "plateau", "poly", "none"] = "cosine"
    sched_on_updates: bool = False
    lr: PositiveFloat | None = None
    """Learning rate; when absent it follows from `lr_base` and the batch size."""
    lr_base: PositiveFloat = 0.1
    lr_base_size: PositiveInt = 256
    lr_base_scale: Literal["", "linear", "sqrt"] | None = ""
    lr_noise: tuple[float, ...] | float | None = None
    lr_noise_pct: float = 0.67
    lr_noise_std: float = 1.0
    lr_cycle_mul: float = 1.0
    lr_cycle_decay: float = 0.5
    lr_cycle_limit: PositiveInt = 1
    lr_k_decay: float = 1.0
    warmup_lr: NonNegativeFloat = 1e-5
    min_lr: NonNegativeFloat = 0.0
    epoch_repeats: NonNegativeFloat = 0
    start_epoch: NonNegativeInt | None = None
    decay_milestones: tuple[PositiveInt, ...] = (90, 180, 270)
    decay_epochs: PositiveFloat = 90
    warmup_epochs: NonNegativeInt = 5
    warmup_prefix: bool = False
    cooldown_epochs: NonNegativeInt = 0
    patience_epochs: NonNegativeInt = 10
    decay_rate: PositiveFloat = 0.1


class EarlyStoppingSection(Section):
    """Stop when a metric no longer improves."""

    monitor: str | None = None
    """Metric name such as `val_accuracy` or `val_loss`; the task's own monitor when absent."""
    patience: NonNegativeInt = 0
    min_delta: NonNegativeFloat = 0.0
    mode: Literal["auto", "min", "max"] = "auto"
    start_from_epoch: NonNegativeInt = 0
    restore_best_weights: bool = True
    """Accepted; the best weights always go to the next stage."""
    verbose: int = 0
    baseline: float | None = None


class ReduceOnPlateauSection(Section):
    """Lower the learning rate when a metric no longer improves."""

    monitor: str | None = None
    factor: Fraction = 0.1
    patience: NonNegativeInt = 10
    min_lr: NonNegativeFloat = 0.0
    min_delta: NonNegativeFloat = 1e-4
    mode: Literal["auto", "min", "max"] = "auto"
    cooldown: NonNegativeInt = 0
    verbose: int = 0


class LearningRateSchedulerSection(Section):
    """Compute the learning rate of each epoch by `lambda epoch, lr: ...`."""

    schedule: Schedule
    verbose: int = 0


class CallbacksSection(Section):
    """Hold what acts during training; at most one of them sets the learning rate."""

    EarlyStopping: EarlyStoppingSection | None = None
    ReduceLROnPlateau: ReduceOnPlateauSection | None = None
    LearningRateScheduler: LearningRateSchedulerSection | None = None


class TrainingSection(Section):
    """Set up a training; `batch_size` and `epochs` must be given."""

    trainer: str = "lightning"
    """Name as listed by `zoo list trainers`."""
    epochs: PositiveInt
    batch_size: PositiveInt
    validation_batch_size: PositiveInt | None = None
    optimizer: OptimizerSection = OptimizerSection()
    lr_scheduler: LrSchedulerSection = LrSchedulerSection()
    callbacks: CallbacksSection = CallbacksSection()
    grad_accum_steps: PositiveInt = 1
    bn_momentum: Probability | None = None
    bn_eps: PositiveFloat | None = None
    sync_bn: bool = False
    dist_bn: Literal["", "reduce", "broadcast"] | None = "reduce"
    split_bn: bool = False
    model_ema: bool = False
    model_ema_force_cpu: bool = False
    model_ema_decay: Fraction = 0.9998
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    frozen_layers: IndexList | None = None
    """Layers that are not trained, by Python indices: `(0:-1)`, `(8, 110:121, -1)`."""
    resume_training_from: ExistingFile | None = None
    """Last checkpoint of an earlier training, holding optimizer and epoch."""
    trained_model_path: Path | None = None
    """Copy the best weights to this path at the end."""
    amp: bool = False
    amp_dtype: Literal["float16", "bfloat16"] = "float16"
    amp_impl: Literal["native"] = "native"
    eval_metric: str | None = None
    """Metric that decides which weights are best; the task's own when absent."""
    log_interval: PositiveInt = 50
    recovery_interval: NonNegativeInt = 0
    """Steps between extra checkpoints inside an epoch; 0 means at the end of each epoch only."""
    checkpoint_hist: NonNegativeInt = 10
    save_images: bool = False
    no_ddp_bb: bool = False
    synchronize_step: bool = False
    tta: NonNegativeInt = 0
    log_wandb: bool = False
    log_tb: bool = False
    devices: PositiveInt = 1
    """Processes on this host: GPUs, or CPU processes."""
    num_nodes: PositiveInt = 1
    """Hosts taking part; start the same command on each with a launcher such as torchrun."""


class QuantizationSection(Section):
    """Quantize after training."""

    quantizer: str = "onnx_quantizer"
    """Name as listed by `zoo list quantizers`."""
    quantization_type: Literal["PTQ"] = "PTQ"
    quantization_input_type: Literal["int8", "uint8", "float"] = "float"
    quantization_output_type: Literal["int8", "uint8", "float"] = "float"
    granularity: Literal["per_channel", "per_tensor"] = "per_channel"
    optimize: bool = False
    target_opset: Annotated[int, Field(ge=13, le=23)] = 17
    export_dir: str = "quantized_models"


class EvaluationSection(Section):
    """Say where a model is evaluated and what is written beside the metrics."""

    target: str = "host"
    compare_float: bool = True
    """Evaluate the float model too when a quantized one is evaluated, so that the loss is seen."""
    batch_size: PositiveInt = 64
    profile: str | None = None
    input_type: Literal["uint8", "int8", "float32"] = "uint8"
    output_type: Literal["uint8", "int8", "float32"] = "int8"
    input_chpos: Literal["chlast", "chfirst"] = "chlast"
    output_chpos: Literal["chlast", "chfirst"] = "chlast"
    gen_npy_input: bool = False
    gen_npy_output: bool = False
    npy_in_name: str | None = None
    npy_out_name: str | None = None


class PredictionSection(Section):
    """Say where predictions are computed."""

    target: str = "host"
    batch_size: PositiveInt = 16
    profile: str | None = None
    input_type: Literal["uint8", "int8", "float32"] = "uint8"
    output_type: Literal["uint8", "int8", "float32"] = "int8"
    input_chpos: Literal["chlast", "chfirst"] = "chlast"
    output_chpos: Literal["chlast", "chfirst"] = "chlast"


class BenchmarkingSection(Section):
    """Choose the target that is measured."""

    board: str = "host"
    """Target or board name as listed by `zoo list targets`."""


class HardwareSection(Section):
    """Name the board that is deployed to."""

    serie: str | None = None
    board: str
    stlink_serial_number: str | None = None
    input: str | None = None
    output: str | None = None
    ip_address: str | None = None


class DeploymentSection(Section):
    """Say which C project is built and for which hardware."""

    c_project_path: Path | None = None
    IDE: str | None = None
    verbosity: NonNegativeInt = 1
    build_conf: str | None = None
    board_deploy_path: str | None = None
    hardware_setup: HardwareSection


class StedgeaiSection(Section):
    """Locate ST Edge AI Core, on this machine or in the cloud."""

    version: str | None = None
    optimization: Literal["balanced", "time", "ram"] = "balanced"
    on_cloud: bool = False
    path_to_stedgeai: Path | None = None


class ToolsSection(Section):
    """Locate vendor tools; only targets that use them look at this."""

    stedgeai: StedgeaiSection | None = None
    path_to_cubeIDE: Path | None = None


class MlflowSection(Section):
    """Locate the MLflow records."""

    uri: str | None = None


class HydraRunSection(Section):
    """Name the run directory."""

    dir: str = "./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}"


class HydraSection(Section):
    """Take the one Hydra setting that users change."""

    run: HydraRunSection = HydraRunSection()


class OpenSection(Section):
    """Accept any keys, for sections of use cases whose package is not installed."""

    model_config = {"extra": "allow"}


SECTION_TYPES: dict[str, type[Section]] = {
    "general": GeneralSection,
    "model": ModelSection,
    "dataset": DatasetSection,
    "preprocessing": PreprocessingSection,
    "training": TrainingSection,
    "quantization": QuantizationSection,
    "evaluation": EvaluationSection,
    "prediction": PredictionSection,
    "benchmarking": BenchmarkingSection,
    "deployment": DeploymentSection,
    "tools": ToolsSection,
    "mlflow": MlflowSection,
    "hydra": HydraSection,
}
"""Class that a section has when no chosen component brings its own; `data_augmentation`, `postprocessing`
and `app` exist only through components."""


class RunConfig(Section):
    """Hold the whole resolved configuration of a run; what a section is depends on the chosen components."""

    model_config = {"extra": "forbid"}

    operation_mode: str
    use_case: str
    general: GeneralSection = GeneralSection()
    model: ModelSection
    dataset: DatasetSection
    preprocessing: PreprocessingSection
    data_augmentation: Section | None = None
    training: TrainingSection | None = None
    postprocessing: Section | None = None
    quantization: QuantizationSection | None = None
    evaluation: EvaluationSection = EvaluationSection()
    prediction: PredictionSection = PredictionSection()
    benchmarking: BenchmarkingSection | None = None
    deployment: DeploymentSection | None = None
    tools: ToolsSection | None = None
    app: Section | None = None
    mlflow: MlflowSection = MlflowSection()
    hydra: HydraSection = HydraSection()

    def canonical(self) -> dict[str, Any]:
        """Return the JSON-able canonical form, from which `zoo run --resume` builds the same object."""
        data: dict[str, Any] = self.model_dump(mode="json", serialize_as_any=True, exclude_none=True)
        return data
