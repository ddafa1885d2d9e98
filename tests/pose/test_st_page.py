"""Every block of ST's page on training pose estimators is taken as it is written there, with real paths for its own."""

from __future__ import annotations

import copy

import pytest
import yaml
from PIL import Image

from zoo_core.cli.main import run_cli
from zoo_core.config.load import load_config
from zoo_core.errors import ConfigError
from zoo_core.plugins import get_catalog

GENERAL = """
general:
  project_name: COCO_2017_pose_Demo # Project name. Optional, defaults to "<unnamed>".
  logs_dir: logs                    # Name of the directory where log files are saved. Optional, defaults to "logs".
  saved_models_dir: saved_models    # Name of the directory where model files are saved.
  model_type: heatmaps_spe          # heatmaps_spe or spe depending on the model output and the use case
  deterministic_ops: False          # Enable/disable deterministic operations (a boolean). Optional, defaults to False.
  num_threads_tflite: 8             # Number of threads used on the CPU to run the TFLITE models
  gpu_memory_limit: 8               # Maximum amount of GPU memory in GBytes that TensorFlow may use (an integer).
  global_seed: 123                  # Seed used to seed random generators (an integer). Optional, defaults to 123.
"""
MODEL_PATH = """
general:
  model_path: model.onnx
"""
DATASET = """
dataset:
  keypoints: 17                                              # Number of keypoints per poses
  name: COCO2017_pose                                        # Dataset name. Optional, defaults to "<unnamed>".
  training_path: single/17kpts/train
  validation_path: single/17kpts/val
  validation_split: 0.2                                      # Training/validation sets split ratio.
  test_path: single/17kpts/val
  quantization_path: single/17kpts/train
  quantization_split:                                        # Quantization split ratio.
  seed: 123                                                  # Random generator seed used when splitting a dataset.
"""
PREPROCESSING = """
preprocessing:
  rescaling:
    # Image rescaling parameters
    scale: 1/127.5
    offset: -1
  resizing:
    # Image resizing parameters
    interpolation: nearest
    aspect_ratio: fit
  color_mode: rgb
"""
AUGMENTATION = """
data_augmentation:
  random_periodic_resizing:
    image_sizes: [[192,192],[224,224],[256,256]]
  random_contrast:
    factor: 0.4
  random_brightness:
    factor: 0.3
  random_blur:
    filter_size: (2, 4)
    change_rate: 0.5
  random_flip:
    mode: horizontal
  random_rotation:
    factor: (-0.1,0.1) # -+0.1 = -+36 degree of rotation
"""
MODEL = """
training:
  model:
    name: st_movenet_lightning_heatmaps
    alpha: 1.0
    input_shape: (192, 192, 3)
    pretrained_weights: imagenet
"""
MISSPELT = """
training:
  bach_size: 64
  epochs: 1000
  frozen_layers: (0:154)   # Make layers until the 154th non-trainable
  optimizer:
    # Use Keras Adam optimizer with initial LR set to 0.001
    Adam:
      learning_rate: 0.01
  callbacks:
    # Use Keras ReduceLROnPlateau learning rate scheduler
    ReduceLROnPlateau:
      monitor: val_oks
      mode: max
      min_delta: 0.0001
      patience: 10
    # Use Keras EarlyStopping to stop training and not overfit
    EarlyStopping:
      monitor: val_oks
      mode: max
      min_delta: 0.0001
      patience: 20
    ModelCheckpoint:
      monitor: val_oks
      mode: max
"""
TRAINING = MISSPELT.replace("bach_size", "batch_size")
FOLDERS = """
hydra:
  run:
    dir: ./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}
mlflow:
  uri: ./experiments_outputs/mlruns
"""
RESUMED = """
operation_mode: training

dataset:
  training_path: single/17kpts/train
  validation_split: 0.2
  test_path: single/17kpts/val

training:
  batch_size: 64
  epochs: 1000      # The number of epochs can be changed for resuming.
  frozen_layers: (0:-1)
  optimizer:
    Adam:
      learning_rate: 0.001
  callbacks:
    ReduceLROnPlateau:
      monitor: val_oks
      factor: 0.25
      mode: max
      min_delta: 0.0001
      patience: 10
  resume_training_from: saved_models/last_model.pt
"""
OTHER_SECTIONS = """
quantization:
  quantizer: onnx_quantizer
  quantization_type: PTQ
benchmarking:
  board: STM32H747I-DISCO
"""
TUTORIAL = (GENERAL, DATASET, PREPROCESSING, AUGMENTATION, MODEL, TRAINING, FOLDERS)
LINE = "0 0.5 0.5 0.6 0.8" + " 0.5 0.5 2" * 17 + "\n"


def merged(*blocks):
    """Return the sections of blocks as one configuration; the page has two `training` blocks."""
    data = {}
    for block in blocks:
        for name, section in yaml.safe_load(block).items():
            data[name] = {**data.get(name, {}), **section} if isinstance(section, dict) else section
    return data


def tutorial(mode="training"):
    """Return all blocks of the page, which name no use case."""
    data = {"operation_mode": mode, **merged(*TUTORIAL)}
    assert "use_case" not in data
    return data


@pytest.fixture
def check(tmp_path):
    """Return a function that checks a configuration, written as data or text, in a folder where its paths exist."""
    for split in ("train", "val"):
        folder = tmp_path / "single/17kpts" / split
        folder.mkdir(parents=True)
        for number in (1, 2):
            Image.new("RGB", (64, 48)).save(folder / f"{split}_image_{number}.jpg")
            (folder / f"{split}_image_{number}.txt").write_text(LINE)
    (tmp_path / "saved_models").mkdir()
    for name in ("model.onnx", "model.h5", "model.tflite", "saved_models/last_model.pt"):
        (tmp_path / name).write_bytes(b"")

    def load(data, *overrides):
        path = tmp_path / "user_config.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(copy.deepcopy(data), sort_keys=False))
        return load_config(path, overrides, catalog=get_catalog())

    return load


def issues(check, data, *overrides):
    with pytest.raises(ConfigError) as caught:
        check(data, *overrides)
    return {issue.key: f"{issue.message} {issue.hint or ''}" for issue in caught.value.issues}


def test_the_whole_page(check, tmp_path):
    loaded = check(tutorial())
    config = loaded.config
    assert config.use_case == "pose"
    assert (loaded.selection.model.spec.name, loaded.selection.dataset.spec.name) == (
        "st_movenet_lightning_heatmaps", "coco",
    )  # fmt: skip
    general = config.general
    assert (general.project_name, general.logs_dir, general.saved_models_dir) == (
        "COCO_2017_pose_Demo", "logs", "saved_models",
    )  # fmt: skip
    assert (general.seed, general.num_threads, general.gpu_memory_limit, general.deterministic_ops) == (
        123, 8, 8, False,
    )  # fmt: skip
    assert loaded.selection.missing == ()


def test_the_text_of_the_page_itself(check):
    """Also with its comments and spaces, which a written dictionary has not; sections given twice are joined."""
    blocks = (GENERAL, DATASET, PREPROCESSING, AUGMENTATION, FOLDERS)
    training = MODEL + TRAINING.replace("\ntraining:\n", "")
    text = f"operation_mode: training\n{''.join(blocks)}{training}"
    found, wanted = check(text).config, check(tutorial()).config
    for name in ("general", "model", "dataset", "preprocessing", "data_augmentation", "training"):
        assert getattr(found, name) == getattr(wanted, name)


def test_model_and_weights(check):
    model = check(tutorial()).config.model
    assert (model.model_type, model.alpha, model.input_shape) == ("heatmaps_spe", 1.0, (3, 192, 192))
    assert (model.pretrained, model.pretrained_dataset) == (True, "imagenet")


@pytest.mark.parametrize("alpha", [0.35, 1.4])
def test_widths(check, alpha):
    data = tutorial()
    data["training"]["model"].update(alpha=alpha, pretrained_weights="None")
    model = check(data).config.model
    assert (model.alpha, model.pretrained) == (alpha, False)


def test_dataset(check, tmp_path):
    dataset = check(tutorial()).config.dataset
    root = tmp_path / "single/17kpts"
    assert (dataset.keypoints, dataset.dataset_name) == (17, "COCO2017_pose")
    assert (dataset.training_path, dataset.validation_path, dataset.test_path) == (
        root / "train", root / "val", root / "val",
    )  # fmt: skip
    assert (dataset.validation_split, dataset.quantization_split, dataset.seed) == (0.2, None, 123)


@pytest.mark.parametrize("name", ["COCO2017_pose", None])
def test_the_data_of_the_page_is_read(check, name):
    """Whatever the data set is called, its text files lie beside the images."""
    from zoo_core.protocols import QUANTIZATION, TEST, TRAIN, VALIDATION, DataRequest
    from zoo_pose.data.build import build

    data = tutorial()
    data["dataset"]["name"] = name
    section = check(data).config.dataset
    found = build(section, DataRequest(splits=frozenset({TRAIN, VALIDATION, TEST, QUANTIZATION}), seed=123))
    assert [len(part) for part in (found.train, found.validation, found.test, found.quantization)] == [2, 2, 2, 2]
    assert found.class_names[:2] == ("nose", "left_eye")
    labels = found.train.targets[0]
    assert labels.points[0, 0].tolist() == [32, 24]


def test_preprocessing(check):
    section = check(tutorial()).config.preprocessing
    assert (section.rescaling.scale, section.rescaling.offset) == (pytest.approx(1 / 127.5), -1)
    assert (section.resizing.interpolation, section.resizing.aspect_ratio, section.color_mode) == (
        "nearest", "fit", "rgb",
    )  # fmt: skip


def test_augmentation_keeps_its_order(check):
    section = check(tutorial()).config.data_augmentation
    assert section.random_periodic_resizing.image_sizes == ((192, 192), (224, 224), (256, 256))
    functions = dict(section.functions)
    assert list(functions) == [
        "random_contrast", "random_brightness", "random_blur", "random_flip", "random_rotation",
    ]  # fmt: skip
    assert (functions["random_contrast"].factor, functions["random_brightness"].factor) == (0.4, 0.3)
    assert (functions["random_blur"].filter_size, functions["random_blur"].change_rate) == ((2, 4), 0.5)
    assert functions["random_flip"].mode == "horizontal"
    assert functions["random_rotation"].factor == (-0.1, 0.1)


def test_training(check):
    training = check(tutorial()).config.training
    assert (training.batch_size, training.epochs) == (64, 1000)
    assert training.frozen_layers.resolve(200) == tuple(range(154))
    assert (training.optimizer.opt, training.lr_scheduler.lr) == ("adam", 0.01)
    callbacks = training.callbacks
    for callback, patience in ((callbacks.ReduceLROnPlateau, 10), (callbacks.EarlyStopping, 20)):
        assert (callback.monitor, callback.mode, callback.min_delta, callback.patience) == (
            "val_oks", "max", 0.0001, patience,
        )  # fmt: skip
    assert (callbacks.ModelCheckpoint.monitor, callbacks.ModelCheckpoint.mode) == ("val_oks", "max")


def test_all_but_the_last_layer_frozen(check):
    data = tutorial()
    data["training"]["frozen_layers"] = "(0:-1)"
    assert check(data).config.training.frozen_layers.resolve(5) == (0, 1, 2, 3)


def test_the_misspelling_of_the_page_is_answered_with_the_right_word(check):
    """Nothing else of the page is a problem; that the size under its right name is absent is not said as well."""
    data = {"operation_mode": "training", **merged(*TUTORIAL[:-2], MISSPELT, FOLDERS)}
    found = issues(check, data)
    assert set(found) == {"training.bach_size"}
    assert "batch_size" in found["training.bach_size"]


def test_folders_of_runs(check):
    config = check(tutorial()).config
    assert config.hydra.run.dir.startswith("./experiments_outputs/20")
    assert str(config.mlflow.uri).endswith("experiments_outputs/mlruns")


def test_going_on_with_a_training(check, tmp_path):
    """The page leaves the network out, and the number of keypoints; here the network is told, the number is read."""
    data = merged(RESUMED)
    data["model"] = {"model_name": "st_movenet_lightning_heatmaps"}
    loaded = check(data)
    training = loaded.config.training
    assert loaded.config.use_case == "pose"
    assert training.resume_training_from == tmp_path / "saved_models/last_model.pt"
    assert training.callbacks.ReduceLROnPlateau.factor == 0.25
    assert training.frozen_layers.resolve(4) == (0, 1, 2)


def test_going_on_without_the_name_of_the_network(check):
    """Its file says nothing here, so that neither the use case nor the network is known: that is what is asked for."""
    found = issues(check, merged(RESUMED))
    assert set(found) <= {"use_case", "model.model_name"}


def test_going_on_from_the_folder_of_a_training_takes_its_last_checkpoint(check, tmp_path):
    data = merged(RESUMED)
    data["model"] = {"model_name": "st_movenet_lightning_heatmaps"}
    data["training"]["resume_training_from"] = "."
    loaded = check(data)
    assert loaded.config.training.resume_training_from == tmp_path / "saved_models/last_model.pt"
    assert any("saved_models/last_model.pt" in note for note in loaded.notes)


def test_going_on_with_a_file_of_keras_names_what_is_there(check):
    data = merged(RESUMED)
    data["model"] = {"model_name": "st_movenet_lightning_heatmaps"}
    data["training"]["resume_training_from"] = "saved_models/last_trained_model.h5"
    assert list(issues(check, data)) == ["training.resume_training_from"]


def test_a_file_and_a_network_to_go_on_from_contradict(check):
    data = tutorial()
    data["general"]["model_path"] = "model.onnx"
    data["training"]["resume_training_from"] = "saved_models/last_model.pt"
    data["training"]["model"]["pretrained_weights"] = None
    found = issues(check, data)
    assert "both say where the first weights come from" in found["training.resume_training_from"]


@pytest.mark.parametrize("mode", ["training", "chain_tqeb"])
def test_every_mode_with_training(check, mode):
    data = {**tutorial(mode), **merged(OTHER_SECTIONS)}
    assert check(data).config.use_case == "pose"


@pytest.mark.parametrize(
    ("mode", "model_type"),
    [
        ("evaluation", "heatmaps_spe"),
        ("quantization", "spe"),
        ("benchmarking", "yolo_mpe"),
        ("chain_eqe", "hand_spe"),
        ("chain_eqeb", "heatmaps_spe"),
        ("chain_qb", "head_spe"),
    ],
)
def test_every_mode_without_training(check, mode, model_type):
    data = {"operation_mode": mode, **merged(GENERAL, MODEL_PATH, DATASET, PREPROCESSING, OTHER_SECTIONS)}
    data["general"]["model_type"] = model_type
    loaded = check(data)
    assert loaded.config.use_case == "pose"
    assert loaded.config.model.model_type == model_type
    assert loaded.selection.missing == ()


@pytest.mark.parametrize("name", ["model.h5", "model.tflite"])
@pytest.mark.parametrize("mode", ["evaluation", "chain_eqe"])
def test_files_of_keras_are_refused_with_those_that_are_taken(check, tmp_path, capsys, name, mode):
    data = {"operation_mode": mode, **merged(GENERAL, DATASET, PREPROCESSING, OTHER_SECTIONS)}
    data["general"]["model_path"] = name
    check(data)
    assert run_cli(["run", str(tmp_path / "user_config.yaml")]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert f"{name} ends in {name.removeprefix('model')}" in text
    assert "export the model to ONNX" in text
    assert "Traceback" not in text


def test_the_placeholders_of_the_page(check):
    """Left as they are, each is named, and nothing else."""
    data = tutorial()
    data["dataset"].update(training_path="<training-set-root-directory>", test_path="<test-set-root-directory>")
    found = issues(check, data)
    assert set(found) == {"dataset.training_path", "dataset.test_path"}
    assert all("between < and >" in text for text in found.values())


WRONG = {
    "training.frozen_layers": ("0-154", "(0:-1)"),
    "training.callbacks.ReduceLROnPlateau.patiense": (3, "patience"),
    "general.model_type": ("heatmap_spe", "heatmaps_spe"),
    "dataset.keypoint": (17, "keypoints"),
    "data_augmentation.random_rotaton": ({"factor": 0.1}, "random_rotation"),
    "training.model.name": ("st_movenet_lightning_heatmap", "st_movenet_lightning_heatmaps"),
    "training.model.input_shape": ("(200, 190, 3)", "multiples of"),
    "postprocessing.kpts_conf_tresh": (0.2, "kpts_conf_thresh"),
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
    assert len(caught.value.issues) == 1, str(caught.value)
    assert words in str(caught.value)
