"""Own the sections of the user's file that every use case shares, key by key.

Task packages subclass them beside the components that take more keys. Defaults stand here, once.
Keys are in the canonical place; `config.dialects` moves what other releases put elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from zoo_core.config.callback_sections import (
    CallbacksSection,
    EarlyStoppingSection,
    LearningRateSchedulerSection,
    ModelCheckpointSection,
    ReduceOnPlateauSection,
)
from zoo_core.config.limits import (
    Address,
    ExistingDir,
    ExistingFile,
    ExistingPath,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    Share,
    only,
)
from zoo_core.config.lr_scheduler_section import LrSchedulerSection
from zoo_core.config.run_sections import GeneralSection, HydraRunSection, HydraSection, MlflowSection
from zoo_core.config.section import Section
from zoo_core.config.training_sections import OptimizerSection, TrainingSection
from zoo_core.protocols import PREDICTION, QUANTIZATION, SPLITS, TEST, TRAIN, VALIDATION

PATHS_OF_SPLIT = {
    TRAIN: ("training_path",),
    VALIDATION: ("validation_path", "training_path"),
    TEST: ("test_path", "validation_path", "training_path"),
    QUANTIZATION: (),
    PREDICTION: ("prediction_path",),
}
"""Keys of the `dataset` section of which one must be given for a split; calibration can do without images."""
PURPOSE_OF_SPLIT = {
    TRAIN: "training",
    VALIDATION: "choosing the best weights",
    TEST: "evaluation",
    PREDICTION: "prediction",
}


class ModelSection(Section):
    """Choose the model by name, by file, or both."""

    framework: Literal["torch"] | None = None
    """Only torch; accepted because ST's files state it."""
    model_name: str | None = None
    """Name as listed by `zoo list models`."""
    model_path: ExistingFile | None = None
    """`.pt`, `.pth`, `.pth.tar` weights or an `.onnx` graph."""
    model_url: Address | None = None
    """Address of such a file; an `http(s)` address given as `model_path` comes here."""
    model_type: str | None = None
    """Family of the output decoding, where a use case has several."""
    input_shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """(channels, height, width); (height, width, channels) is recognised."""
    num_classes: PositiveInt | None = None
    """Number of classes when no data set states it."""
    pretrained: bool = False
    """Load weights trained on `pretrained_dataset`."""
    pretrained_dataset: str | None = None
    """Data set that the published weights were trained on, such as `imagenet`."""
    pretrained_input_shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """(channels, height, width) that the published weights were trained with, where there are several."""
    export_batch: PositiveInt | None = None
    """Fixed batch size of exported models; dynamic when absent. Deployment tools need 1."""
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
    """Number of classes, checked against the data; deduced from it when absent."""
    training_path: ExistingPath | None = None
    """Training images."""
    validation_path: ExistingPath | None = None
    """Validation images; a share of the training images when absent."""
    validation_split: Fraction | None = None
    """Share of the training set used for validation when no `validation_path` is given; 0.2 by default."""
    test_path: ExistingPath | None = None
    """Test set; the validation set stands in when absent."""
    quantization_path: ExistingPath | None = None
    """Calibration images; the training images when absent."""
    quantization_split: Share | None = None
    """Share of the calibration images that is used."""
    prediction_path: ExistingPath | None = None
    """Images that predictions are computed for."""
    check_image_files: bool = False
    """Decode every image first and stop with the list of bad ones."""
    seed: int = 123
    """Seed of the splits."""
    workers: NonNegativeInt = 2
    """Loader processes."""
    pin_mem: bool = False
    """Keep batches in page-locked memory, which speeds up copies to a GPU."""
    worker_seeding: Annotated[
        Literal["all", "part"],
        only("all", "`part` repeats NumPy's random numbers in every worker; here each image has a seed of its own"),
    ] = "all"
    """Only `all`: every image has a seed of its own, whatever the number of workers."""
    no_prefetcher: Annotated[
        bool,
        only(True, "there is no such prefetcher; workers load batches ahead, and dataset.pin_mem speeds up their copy"),
    ] = True
    """Only True: workers load batches ahead, and `pin_mem` speeds up their copy to a GPU."""
    use_multi_epochs_loader: bool = False
    """Let the workers live through all epochs, which they do with either value."""

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return a sentence for each thing that some splits need and the section does not give.

        Data sets that bring their own images override this.
        """
        return [
            f"{' or '.join(PATHS_OF_SPLIT[split])} is needed for {PURPOSE_OF_SPLIT[split]}"
            for split in SPLITS
            if split in frozenset(splits)
            and PATHS_OF_SPLIT[split]
            and all(getattr(self, path) is None for path in PATHS_OF_SPLIT[split])
        ]


class RescalingSection(Section):
    """Rescale pixel values: out = scale x in + offset."""

    scale: float = 1 / 255
    """Factor of the pixel values, which are 0 to 255; 1/255 when absent."""
    offset: float = 0.0
    """Number added after scaling."""


class ResizingSection(Section):
    """Choose how images reach the input size."""

    interpolation: Literal[
        "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic", "random"
    ] = "bilinear"
    """How pixels between pixels are computed; `random` varies it in training."""
    aspect_ratio: Literal["fit", "crop", "padding", "full_screen"] = "fit"
    """`fit` and `full_screen` stretch, `crop` cuts off what is too much, `padding` adds black borders."""


class NormalizationSection(Section):
    """Subtract the mean and divide by the standard deviation of each channel, after rescaling."""

    mean: tuple[float, ...] | float | None = None
    """Mean of each channel, or one number for all, after rescaling."""
    std: tuple[PositiveFloat, ...] | PositiveFloat | None = None
    """Standard deviation of each channel, or one number for all, after rescaling."""


class PreprocessingSection(Section):
    """Turn image files into model inputs."""

    rescaling: RescalingSection = RescalingSection()
    resizing: ResizingSection = ResizingSection()
    color_mode: Literal["grayscale", "rgb", "rgba", "bgr"] | None = None
    """Channel order; follows the model's input channels when absent."""
    normalization: NormalizationSection = NormalizationSection()


class QuantizationSection(Section):
    """Quantize after training."""

    quantizer: str = "onnx_quantizer"
    """Name as listed by `zoo list quantizers`."""
    quantization_type: Literal["PTQ"] = "PTQ"
    """Post-training quantization."""
    quantization_input_type: Literal["int8", "uint8", "float"] = "float"
    """Number format of the input; `onnx_quantizer` keeps float."""
    quantization_output_type: Literal["int8", "uint8", "float"] = "float"
    """Number format of the output; `onnx_quantizer` keeps float."""
    granularity: Literal["per_channel", "per_tensor"] = "per_channel"
    """One scale for each output channel of a layer, or one for the whole layer.

    A target may prefer the other one to a default, but not to what the file says.
    """
    optimize: bool = False
    """Prepare the float model so that int8 costs less, without changing what it computes, and correct it afterwards.

    Dead channels are taken out, ranges of channels evened out between layers, large biases absorbed, joins of unlike
    ranges kept apart, tails that int8 would crush left in float, and the mean error of each layer's output is
    taken off its bias.
    """
    max_drop: NonNegativeFloat | None = None
    """Points of the metric that the quantized model may lose; a larger loss ends the run. Not measured when absent."""
    target_opset: Annotated[int, Field(ge=13, le=23)] = 17
    """ONNX operator set of exported and quantized models."""
    export_dir: str = "quantized_models"
    """Folder of the quantized model inside the run."""

    @property
    def judged(self) -> bool:
        """Tell whether models are measured on labelled images while they are quantized."""
        return self.max_drop is not None

    @property
    def formats(self) -> Mapping[str, str]:
        """Return the key -> number format of weights and activations that the file asks for, where it says so."""
        return {}

    @property
    def inspected(self) -> bool:
        """Tell whether labelled images are of use where there are any."""
        return False

    @model_serializer(mode="wrap")
    def _leave_open_what_was_open(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave a granularity out that the file does not name, or a saved run would look as if it named one."""
        data: dict[str, Any] = handler(self)
        if "granularity" not in self.model_fields_set:
            data.pop("granularity", None)
        return data


class EvaluationSection(Section):
    """Say where a model is evaluated and what is written beside the metrics."""

    target: str = "host"
    """Target that computes the outputs, as listed by `zoo list targets`."""
    compare_float: bool = True
    """Evaluate the float model too when a quantized one is evaluated, so that the loss is seen."""
    batch_size: PositiveInt = 64
    """Images per step."""
    tta: Literal[0, 2] = 0
    """With 2, average the outputs for each image and its mirror image."""
    profile: str | None = None
    """Profile of the vendor's compiler for evaluation on a board."""
    input_type: Literal["uint8", "int8", "float32"] = "uint8"
    """Number format of the input on a board."""
    output_type: Literal["uint8", "int8", "float32"] = "int8"
    """Number format of the output on a board."""
    input_chpos: Literal["chlast", "chfirst"] = "chlast"
    """Place of the channels in the input on a board."""
    output_chpos: Literal["chlast", "chfirst"] = "chlast"
    """Place of the channels in the output on a board."""
    gen_npy_input: bool = False
    """Accepted, without effect."""
    gen_npy_output: bool = False
    """Accepted, without effect."""
    npy_in_name: str | None = None
    """Accepted, without effect."""
    npy_out_name: str | None = None
    """Accepted, without effect."""


class PredictionSection(Section):
    """Say where predictions are computed."""

    target: str = "host"
    """Target that computes the outputs, as listed by `zoo list targets`."""
    batch_size: PositiveInt = 16
    """Images per step."""
    profile: str | None = None
    """Profile of the vendor's compiler for prediction on a board."""
    input_type: Literal["uint8", "int8", "float32"] = "uint8"
    """Number format of the input on a board."""
    output_type: Literal["uint8", "int8", "float32"] = "int8"
    """Number format of the output on a board."""
    input_chpos: Literal["chlast", "chfirst"] = "chlast"
    """Place of the channels in the input on a board."""
    output_chpos: Literal["chlast", "chfirst"] = "chlast"
    """Place of the channels in the output on a board."""


class BenchmarkingSection(Section):
    """Choose the target that is measured."""

    board: str = "host"
    """Target or board name as listed by `zoo list targets`."""
    compare_float: bool = False
    """Benchmark the float model too when a quantized one is benchmarked."""


class HardwareSection(Section):
    """Name the board that is deployed to."""

    serie: str | None = None
    """Family of the board, such as `STM32H7`."""
    board: str
    """Board as listed by `zoo list targets`."""
    stlink_serial_number: str | None = None
    """Serial number of the probe, when several are connected."""
    input: str | None = None
    """Source of images on the board."""
    output: str | None = None
    """Where the board shows results."""
    ip_address: str | None = None
    """Address of a board that is reached over the network."""


class DeploymentSection(Section):
    """Say which C project is built and for which hardware."""

    c_project_path: Path | None = None
    """Folder of the C project that is built."""
    IDE: str | None = None
    """Tool chain of the C project."""
    verbosity: NonNegativeInt = 1
    """How much the build says."""
    build_conf: str | None = None
    """Build configuration of the C project."""
    board_deploy_path: str | None = None
    """Folder on the board that files are copied to."""
    hardware_setup: HardwareSection


class StedgeaiSection(Section):
    """Locate ST Edge AI Core, on this machine or in the cloud."""

    version: str | None = None
    """Version of the tool."""
    optimization: Literal["balanced", "time", "ram"] = "balanced"
    """What the generated code is optimised for."""
    on_cloud: bool = False
    """Use the tool in the vendor's cloud."""
    path_to_stedgeai: Path | None = None
    """Executable of the tool on this machine."""


class ToolsSection(Section):
    """Locate vendor tools; only targets that use them look at this."""

    stedgeai: StedgeaiSection | None = None
    path_to_cubeIDE: Path | None = None  # noqa: N815 - the key as users write it
    """Executable of STM32CubeIDE on this machine."""


class OpenSection(Section):
    """Accept any keys, for sections of use cases whose package is not installed."""

    model_config = ConfigDict(extra="allow")


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

    model_config = ConfigDict(extra="forbid")

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
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: value.model_dump(mode="json") if isinstance(value, Section) else value
            for name, value in values.items()
            if value is not None
        }


__all__ = [
    "PATHS_OF_SPLIT",
    "PURPOSE_OF_SPLIT",
    "SECTION_TYPES",
    "BenchmarkingSection",
    "CallbacksSection",
    "DatasetSection",
    "DeploymentSection",
    "EarlyStoppingSection",
    "EvaluationSection",
    "ExistingDir",
    "ExistingFile",
    "ExistingPath",
    "Fraction",
    "GeneralSection",
    "HardwareSection",
    "HydraRunSection",
    "HydraSection",
    "LearningRateSchedulerSection",
    "LrSchedulerSection",
    "MlflowSection",
    "ModelCheckpointSection",
    "ModelSection",
    "NonNegativeFloat",
    "NonNegativeInt",
    "NormalizationSection",
    "OpenSection",
    "OptimizerSection",
    "PositiveFloat",
    "PositiveInt",
    "PredictionSection",
    "PreprocessingSection",
    "Probability",
    "QuantizationSection",
    "ReduceOnPlateauSection",
    "RescalingSection",
    "ResizingSection",
    "RunConfig",
    "Share",
    "StedgeaiSection",
    "ToolsSection",
    "TrainingSection",
]
