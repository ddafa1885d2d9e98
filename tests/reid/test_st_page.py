"""Every block of ST's page on re-identification is taken as it is written there, with real paths for its own."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import yaml
from PIL import Image

from zoo_core.cli.main import run_cli
from zoo_core.config.load import load_config
from zoo_core.errors import ConfigError
from zoo_core.plugins import get_catalog

GENERAL = """
general:
   project_name: my_project           # Project name. Optional, defaults to "<unnamed>".
   logs_dir: logs                    # Name of the directory where log files are saved. Optional, defaults to "logs".
   saved_models_dir: saved_models
   global_seed: 123
   deterministic_ops: False
   display_figures: True
   gpu_memory_limit: 16
   num_threads_tflite: 4
"""
DATASET = """
dataset:
   dataset_name: DeepSportradar
   training_path: ./datasets/DeepSportradar-ReID/reid_training
   validation_path: validation
   validation_split: 0.2
   test_query_path: ./datasets/DeepSportradar-ReID/reid_test/query
   test_gallery_path: ./datasets/DeepSportradar-ReID/reid_test/gallery
   quantization_path: quantization
   quantization_split:
   check_image_files: False
   seed: 123
"""
PREPROCESSING = """
preprocessing:
   rescaling:
      scale : 1/127.5
      offset : -1
   resizing:
      interpolation: nearest
      aspect_ratio: fit
   color_mode: rgb
"""
AUGMENTATION = """
data_augmentation:
  random_flip:
    mode: horizontal_and_vertical
  random_translation:
    width_factor: 0.2
    height_factor: 0.2
    fill_mode: reflect
    interpolation: nearest
  random_rotation:
    factor: 0.125
    fill_mode: reflect
    interpolation: nearest
  random_zoom:
    width_factor: 0.2
    height_factor: 0.2
    fill_mode: nearest
    interpolation: nearest
"""
MODEL = """
model:
   model_name: mobilenetv1_a025
   input_shape: (256, 128, 3)
   pretrained: True
"""
TRAINING = """
training:
   batch_size: 64
   epochs: 150
   dropout: 0.3             # Insert a dropout layer in the model and set the rate to 0.3
   frozen_layers: (0, -1)   # Make all layers non-trainable except the last one
   optimizer:
      Adam:
         learning_rate: 0.001
   callbacks:
      ReduceLROnPlateau:
         monitor: val_loss
         factor: 0.1
         patience: 10
      # Use Keras EarlyStopping to stop training and not overfit
      EarlyStopping:
         monitor: val_accuracy
         mode: max
         restore_best_weights: true
         patience: 60
   triplet_loss:
      margin: 0.3  # Optional between [0, 1], default is 0.3
      strategy: semi_hard   #choices=['hard', 'semi_hard', 'simple'], default is 'hard'
      distance_metric: cosine  # Optional, choices=['euclidean', 'cosine'], default is 'cosine'
"""
QUANTIZATION = """
quantization:
   quantizer: TFlite_converter         # or onnx_quantizer
   quantization_type: PTQ
   quantization_input_type: float      # float for onnx_quantizer
   quantization_output_type: uint8     # float for onnx_quantizer
   granularity: per_tensor             # Optional, defaults to "per_channel".
   optimize: True                      # Optional, defaults to False.
   target_opset: 17                    # Optional, defaults to 17.
   export_dir: quantized_models        # Optional, defaults to "quantized_models".
   onnx_extra_options:
      CalibMovingAverage: True         # Optional, default to False
"""
TOOLS = """
tools:
  stedgeai:
    optimization: balanced
    on_cloud: True
    path_to_stedgeai: C:/ST/STEdgeAI/<x.y>/Utilities/windows/stedgeai.exe
  path_to_cubeIDE: C:/ST/STM32CubeIDE_<*.*.*>/STM32CubeIDE/stm32cubeide.exe
"""
BENCHMARKING = f"""
{TOOLS}
benchmarking:
   board: STM32H747I-DISCO     # Name of the STM32 board to benchmark the model on
"""
DEPLOYMENT = f"""
model:
  model_path: model.onnx     # Path to the model file to deploy

dataset:
{TOOLS}
deployment:
  c_project_path: ../application_code/re_identification/STM32N6/
  IDE: GCC
  verbosity: 1
  hardware_setup:
    serie: STM32N6
    board: STM32N6570-DK
"""
FOLDERS = """
hydra:
   run:
      dir: ./tf/src/experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}
mlflow:
   uri: ./tf/src/experiments_outputs/mlruns
"""
APP = """
app: {max_object_detect: 15, max_object_tracking: 5, score_threshold: 0.6, lost_time_in_ms: 3000,
      start_tracking_conf_threshold: 0.8}
"""
TUTORIAL = (
    GENERAL, DATASET, PREPROCESSING, AUGMENTATION, MODEL, TRAINING, QUANTIZATION, BENCHMARKING, FOLDERS,
)  # fmt: skip
USED = (GENERAL, DATASET, PREPROCESSING, "model: {model_path: model.onnx}", BENCHMARKING, FOLDERS)
LAMBDA_PIPE = """
LearningRateScheduler:
   schedule: |
      lambda epoch, lr:
          (0.0005*epoch + 0.00001) if epoch < 20 else
          (0.01 if epoch < 50 else
          (lr / (1 + 0.0005 * epoch)))
"""
LAMBDA_QUOTES = """
LearningRateScheduler:
   schedule: "lambda epoch, lr: (0.0005*epoch + 0.00001) if epoch < 20 else (0.01 if epoch < 50 else (lr / (1 + 0.0005 * epoch)))"
"""  # noqa: E501 - as the page has it


def merged(*blocks):
    """Return the sections of some blocks, later ones on top of earlier ones."""
    data = {}
    for block in blocks:
        for name, section in yaml.safe_load(block).items():
            both = isinstance(section, dict) and isinstance(data.get(name), dict)
            data[name] = {**data[name], **section} if both else section
    return data


ONNX = QUANTIZATION.replace("TFlite_converter ", "onnx_quantizer ")
"""The other quantizer that the page names, for what is not about quantizers."""


def tutorial(mode="chain_tqeb"):
    """Return all blocks of the tutorial, which name no use case."""
    data = {"operation_mode": mode, **merged(*TUTORIAL, ONNX)}
    assert "use_case" not in data
    return data


@pytest.fixture
def check(tmp_path):
    """Return a function that checks a configuration, written as data or text, in a folder where its paths exist."""
    sport = tmp_path / "datasets/DeepSportradar-ReID"
    for folder in (sport / "reid_training", tmp_path / "validation", tmp_path / "quantization"):
        folder.mkdir(parents=True)
        for person in range(6):
            for frame in range(2):
                draw(folder / f"{person:04d}_{frame:04d}_0001.jpeg", person)
    for part in ("query", "gallery"):
        (sport / "reid_test" / part).mkdir(parents=True)
        for person in range(6, 8):
            draw(sport / "reid_test" / part / f"{person:04d}_{len(part):04d}_0001.jpeg", person)
    for name in ("model.onnx", "model.pt", "model.keras", "model.tflite", "model.h5"):
        (tmp_path / name).write_bytes(b"")

    def load(data, *overrides):
        path = tmp_path / "user_config.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(copy.deepcopy(data), sort_keys=False))
        return load_config(path, overrides, catalog=get_catalog())

    return load


def draw(path, person):
    level = 20 + 25 * person
    pixels = np.random.default_rng(level).integers(level, level + 20, (32, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_the_tutorial(check, tmp_path):
    loaded = check(tutorial())
    config = loaded.config
    assert config.use_case == "reid"
    assert loaded.letters == "tqeb"
    assert (loaded.selection.model.spec.name, loaded.selection.dataset.spec.name) == (
        "mobilenetv1_a025", "deepsportradar",
    )  # fmt: skip
    assert (config.general.project_name, config.general.seed, config.general.deterministic_ops) == (
        "my_project", 123, False,
    )  # fmt: skip
    assert (config.general.gpu_memory_limit, config.general.num_threads) == (16, 4)
    assert config.model.input_shape == (3, 256, 128)
    assert config.model.pretrained is True
    dataset, sport = config.dataset, tmp_path / "datasets/DeepSportradar-ReID"
    assert dataset.training_path == sport / "reid_training"
    assert (dataset.test_query_path, dataset.test_gallery_path) == (
        sport / "reid_test/query", sport / "reid_test/gallery",
    )  # fmt: skip
    assert (dataset.validation_split, dataset.quantization_split, dataset.seed) == (0.2, None, 123)
    assert loaded.selection.missing == ()


def test_the_text_of_the_tutorial_itself(check):
    """Also with its comments, spaces before colons and empty lines, which a written dictionary has not."""
    data = copy.deepcopy(tutorial()) | {"quantization": tutorial()["quantization"] | {"quantizer": "TFlite_converter"}}
    text = check(f"operation_mode: chain_tqeb\n{''.join(TUTORIAL)}").config  # its run folder is named by the second
    assert text == check(data).config.model_copy(update={"hydra": text.hydra})


def test_the_data_of_the_tutorial_is_read(check):
    from zoo_core.protocols import QUANTIZATION, TEST, TRAIN, VALIDATION, DataRequest
    from zoo_reid.data.build import build

    section = check(tutorial()).config.dataset
    wanted = frozenset({TRAIN, VALIDATION, TEST, QUANTIZATION})
    found = build(section, DataRequest(splits=wanted, seed=123))
    assert found.class_names == tuple(f"{person:04d}" for person in range(6))
    assert [len(part) for part in (found.train, found.validation, found.quantization, found.test)] == [12, 12, 12, 4]
    assert [label.role for label in found.test.targets] == ["query", "query", "gallery", "gallery"]


def test_preprocessing_and_augmentation(check):
    config = check(tutorial()).config
    preprocessing = config.preprocessing
    assert preprocessing.rescaling.scale == pytest.approx(1 / 127.5)
    assert preprocessing.rescaling.offset == -1
    assert (preprocessing.resizing.interpolation, preprocessing.resizing.aspect_ratio) == ("nearest", "fit")
    assert preprocessing.color_mode == "rgb"
    functions = config.data_augmentation.functions
    assert [name for name, _ in functions] == ["random_flip", "random_translation", "random_rotation", "random_zoom"]
    values = dict(functions)
    assert values["random_flip"].mode == "horizontal_and_vertical"
    assert values["random_translation"].fill_mode == "reflect"
    assert values["random_rotation"].factor == 0.125
    assert values["random_zoom"].fill_mode == "nearest"


def test_training(check):
    training = check(tutorial()).config.training
    assert (training.batch_size, training.epochs, training.dropout) == (64, 150, 0.3)
    assert training.num_instances == 4
    assert training.frozen_layers.resolve(5) == (0, 4)
    assert (training.optimizer.opt, training.lr_scheduler.lr) == ("adam", 0.001)
    plateau, stop = training.callbacks.ReduceLROnPlateau, training.callbacks.EarlyStopping
    assert (plateau.monitor, plateau.factor, plateau.patience) == ("val_loss", 0.1, 10)
    assert (stop.monitor, stop.mode, stop.restore_best_weights, stop.patience) == ("val_accuracy", "max", True, 60)
    triplet = training.triplet_loss
    assert (triplet.margin, triplet.strategy, triplet.distance_metric) == (0.3, "semi_hard", "cosine")
    assert training.loss_weights == {"identity_loss": 1.0, "triplet_loss": 1.0}


def test_the_triplet_loss_has_the_defaults_of_the_page(check):
    data = tutorial()
    data["training"]["triplet_loss"] = None
    triplet = check(data).config.training.triplet_loss
    assert (triplet.margin, triplet.strategy, triplet.distance_metric) == (0.3, "hard", "cosine")


@pytest.mark.parametrize("quantizer", ["TFlite_converter", "onnx_quantizer"])
def test_quantization(check, quantizer):
    data = tutorial()
    data["quantization"]["quantizer"] = quantizer
    loaded = check(data)
    section = loaded.config.quantization
    assert loaded.selection.quantizer.spec.name == "onnx_quantizer"
    assert (section.quantization_type, section.granularity, section.optimize) == ("PTQ", "per_tensor", True)
    assert (section.quantization_input_type, section.quantization_output_type) == ("float", "uint8")
    assert (section.target_opset, section.export_dir) == (17, "quantized_models")
    assert section.onnx_extra_options.CalibMovingAverage is True


def test_benchmarking_tools_and_folders(check):
    loaded = check(tutorial())
    assert loaded.selection.benchmark_target.spec.name == "stm32h747i_disco"
    stedgeai = loaded.config.tools.stedgeai
    assert (stedgeai.optimization, stedgeai.on_cloud) == ("balanced", True)
    assert str(stedgeai.path_to_stedgeai).endswith("stedgeai.exe")
    config = loaded.config
    assert config.hydra.run.dir.startswith("./tf/src/experiments_outputs/20")
    assert str(config.mlflow.uri).endswith("tf/src/experiments_outputs/mlruns")


@pytest.mark.parametrize("mode", ["chain_qd", "deployment"])
@pytest.mark.parametrize("app", ["", APP], ids=["without app", "with app"])
def test_deployment(check, mode, app):
    blocks = (ONNX, DEPLOYMENT, app) if app else (ONNX, DEPLOYMENT)
    data = {"operation_mode": mode, **merged(*blocks)}
    assert data["dataset"] is None  # the page has the word and nothing below it
    if mode == "chain_qd":
        data["dataset"] = {"quantization_path": "quantization", "test_query_path": None}
    if not app:
        data["use_case"] = "reid"  # nothing else in this file says it
    loaded = check(data)
    assert loaded.config.use_case == "reid"
    assert loaded.selection.deploy_target.spec.name == "stm32n6570_dk"
    assert str(loaded.config.deployment.c_project_path).endswith("application_code/re_identification/STM32N6")
    if app:
        section = loaded.config.app
        assert (section.max_object_detect, section.max_object_tracking, section.score_threshold) == (15, 5, 0.6)
        assert (section.lost_time_in_ms, section.start_tracking_conf_threshold) == (3000, 0.8)


@pytest.mark.parametrize("mode", ["evaluation", "quantization", "benchmarking", "chain_eqe", "chain_qb", "chain_eqeb"])
def test_every_mode_without_training(check, mode):
    loaded = check({"operation_mode": mode, **merged(*USED, ONNX)})
    assert loaded.config.operation_mode == mode
    assert loaded.config.use_case == "reid"
    assert loaded.selection.missing == ()


def test_prediction(check):
    data = {"operation_mode": "prediction", **merged(*USED, ONNX)}
    data["dataset"] = {
        "prediction_query_path": "datasets/DeepSportradar-ReID/reid_test/query",
        "prediction_gallery_path": "datasets/DeepSportradar-ReID/reid_test/gallery",
    }
    data["prediction"] = {"reid_distance_metric": "euclidean", "seed": 7}
    loaded = check(data)
    assert loaded.config.use_case == "reid"
    assert loaded.config.prediction.reid_distance_metric == "euclidean"
    assert loaded.selection.missing == ()


@pytest.mark.parametrize("mode", ["training", "chain_tqe", "chain_tqeb"])
def test_every_mode_with_training(check, mode):
    """By the command line as the page shows it."""
    config = check(tutorial("training"), f"operation_mode='{mode}'").config
    assert (config.operation_mode, config.use_case) == (mode, "reid")


@pytest.mark.parametrize("nothing", ["", "~", "null", "None"])
def test_keys_without_a_value(check, nothing):
    """`None` is an extension of the page to YAML."""
    text = yaml.safe_dump(tutorial())
    assert "quantization_split: null\n" in text
    text = text.replace("quantization_split: null\n", f"quantization_split: {nothing}\n")
    assert check(text).config.dataset.quantization_split is None


@pytest.mark.parametrize(("written", "value"), [("true", True), ("false", False), ("True", True), ("False", False)])
def test_booleans(check, written, value):
    text = yaml.safe_dump(tutorial())
    assert "check_image_files: false" in text
    loaded = check(text.replace("check_image_files: false", f"check_image_files: {written}"))
    assert loaded.config.dataset.check_image_files is value


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_strings_with_and_without_quotes(check, quote):
    data = tutorial()
    data["preprocessing"]["resizing"] = yaml.safe_load(f"{{aspect_ratio: {quote}fit{quote}, interpolation: nearest}}")
    assert check(data).config.preprocessing.resizing.aspect_ratio == "fit"


def test_a_name_with_a_comma(check):
    data = tutorial()
    data["dataset"].update(yaml.safe_load('class_names: ["Pepper,_bell___Bacterial_spot"]'))
    assert check(data).config.dataset.class_names == ("Pepper,_bell___Bacterial_spot",)


@pytest.mark.parametrize("block", [LAMBDA_PIPE, LAMBDA_QUOTES], ids=["pipe", "quotes"])
def test_schedules(check, block):
    data = tutorial()
    data["training"]["callbacks"].pop("ReduceLROnPlateau")
    data["training"]["callbacks"].update(yaml.safe_load(block))
    schedule = check(data).config.training.callbacks.LearningRateScheduler.schedule
    assert schedule(10, 0.5) == pytest.approx(0.0005 * 10 + 0.00001)
    assert schedule(30, 0.5) == pytest.approx(0.01)
    assert schedule(100, 0.5) == pytest.approx(0.5 / (1 + 0.0005 * 100))


def test_numbers(check):
    data = tutorial()
    data["training"]["callbacks"].update(yaml.safe_load("ReduceLROnPlateau: {patience: 10, factor: 0.1, min_lr: 1e-6}"))
    plateau = check(data).config.training.callbacks.ReduceLROnPlateau
    assert (plateau.patience, plateau.factor, plateau.min_lr) == (10, 0.1, 1e-6)


def test_several_keys_on_one_line(check):
    data = tutorial()
    data["preprocessing"].update(yaml.safe_load("rescaling: { scale: 1/127.5, offset: -1 }"))
    rescaling = check(data).config.preprocessing.rescaling
    assert (rescaling.scale, rescaling.offset) == (pytest.approx(1 / 127.5), -1)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "model.h5"])
@pytest.mark.parametrize("mode", ["evaluation", "benchmarking", "chain_eqe"])
def test_files_of_keras_are_refused_with_those_that_are_taken(check, tmp_path, capsys, name, mode):
    data = {"operation_mode": mode, **merged(*USED, ONNX), "benchmarking": {"board": "host"}}
    data["model"]["model_path"] = name
    check(data)
    assert run_cli(["run", str(tmp_path / "user_config.yaml")]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert f"{name} ends in {name.removeprefix('model')}" in text
    assert "export the model to ONNX" in text
    assert "Traceback" not in text


WRONG = {
    "training.triplet_loss.strategy": ("semihard", "semi_hard"),
    "training.triplet_loss.distance_metric": ("cosinus", "cosine"),
    "training.triplet_loss.margn": (0.3, "margin"),
    "training.batch_size": (30, "multiple of num_instances (4)"),
    "evaluation.reid_distance_metric": ("euclid", "euclidean"),
    "dataset.test_galery_path": ("x", "test_gallery_path"),
    "model.model_name": ("mobilenetv1_a25", "mobilenetv1_a025"),
    "app.max_object_detect": (0, "greater than 0"),
}


def put(data, key, value):
    *sections, last = key.split(".")
    for name in sections:
        data = data.setdefault(name, {})
    data[last] = value


@pytest.mark.parametrize("key", sorted(WRONG))
def test_a_wrong_value_is_one_problem_with_the_right_ones(check, key):
    data = tutorial()
    value, words = WRONG[key]
    put(data, key, value)
    with pytest.raises(ConfigError) as caught:
        check(data)
    assert [issue.key for issue in caught.value.issues] in ([key], [key.rpartition(".")[0]])
    assert words in str(caught.value)


def test_wrong_values_are_told_at_once(check):
    data = tutorial()
    for key, (value, _) in WRONG.items():
        put(data, key, value)
    with pytest.raises(ConfigError) as caught:
        check(data)
    text = str(caught.value)
    for key, (_, words) in WRONG.items():
        if key != "training.batch_size":  # asked for once the rest of the section is right
            assert words in text, text
            assert key in text, text


@pytest.mark.parametrize("absent", ["test_query_path", "test_gallery_path"])
def test_half_a_pair_is_told(check, absent):
    data = tutorial()
    data["dataset"].pop(absent)
    with pytest.raises(ConfigError, match=f"{absent} is needed for evaluation beside test_") as caught:
        check(data)
    assert [issue.key for issue in caught.value.issues] == ["dataset"]


def test_the_same_model_without_a_key_of_persons_is_classification(check):
    data = tutorial()
    data["model"] = {"model_name": "mobilenetv2_a035", "input_shape": "(224, 224, 3)"}
    data["training"].pop("triplet_loss")
    data["dataset"] = {"dataset_name": "custom", "training_path": "datasets/DeepSportradar-ReID"}
    assert check(data).config.use_case == "classification"
    data["training"]["triplet_loss"] = {"margin": 0.3}
    data["dataset"] = yaml.safe_load(DATASET)["dataset"]
    assert check(data).config.use_case == "reid"
