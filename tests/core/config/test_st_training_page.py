"""Every block of ST's page on training is taken as it is written there, with real paths in place of its own."""

import copy

import pytest
import yaml

from zoo_core.config.load import load_config
from zoo_core.errors import ConfigError
from zoo_core.plugins import get_catalog

BASE = {
    "operation_mode": "training",
    "dataset": {"dataset_name": "digits"},
    "training": {
        "model": {"name": "mobilenet", "version": "v2", "alpha": 0.35, "input_shape": "(224, 224, 3)"},
        "batch_size": 64,
        "epochs": 400,
        "optimizer": "Adam",
    },
}
OWN = "use the model of a file"
"""Marks blocks that name a model file in place of a model."""

BLOCKS = {
    "general": """
general:
   project_name: my_project
   logs_dir: logs
   saved_models_dir: saved_models
   deterministic_ops: True
""",
    "dataset": """
dataset:
   name: flowers
   class_names: [daisy, dandelion, roses, sunflowers, tulips]
   training_path: flower_photos
   validation_path:
   validation_split: 0.15
   test_path:
""",
    "preprocessing": """
preprocessing:
   rescaling: {scale: 1/127.5, offset: -1}
   resizing: {interpolation: nearest, aspect_ratio: "fit"}
   color_mode: rgb
""",
    "augmentation": """
data_augmentation:
  random_contrast:
    factor: 0.4
  random_brightness:
    factor: 0.2
  random_flip:
    mode: horizontal_and_vertical
  random_translation:
    width_factor: 0.2
    height_factor: 0.2
  random_rotation:
    factor: 0.15
  random_zoom:
    width_factor: 0.25
    height_factor: 0.25
""",
    "published weights": """
training:
   model:
      name: mobilenet
      version: v2
      alpha: 0.35
      pretrained_weights: imagenet
      input_shape: (224, 224, 3)
""",
    "no published weights": """
training:
   model:
      pretrained_weights: None
""",
    "plateau": """
training:
   batch_size: 64
   epochs: 400
   dropout: 0.3
   optimizer:
      Adam: {learning_rate: 0.001}
   callbacks:
      ReduceLROnPlateau:
         monitor: val_accuracy
         factor: 0.5
         patience: 10
      EarlyStopping:
         monitor: val_accuracy
         patience: 60
""",
    "cosine": """
training:
   batch_size: 64
   epochs: 400
   optimizer: Adam
   callbacks:
      LRCosineDecay:
         initial_learning_rate: 0.01
         decay_steps: 170
         alpha: 0.001
""",
    "hydra and mlflow": """
hydra:
   run:
      dir: ./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}
mlflow:
   uri: ./experiments_outputs/mlruns
""",
    OWN: """
general:
   model_path: own.pt
dataset:
   name: custom
   training_path: flower_photos
   validation_split: 0.2
   test_path: flower_photos
training:
   batch_size: 64
   epochs: 150
   dropout: 0.3
   frozen_layers: (0, -1)
   optimizer:
      Adam:
         learning_rate: 0.001
   callbacks:
      ReduceLROnPlateau:
         monitor: val_loss
         factor: 0.1
         patience: 10
""",
    f"{OWN}: resumed": """
dataset:
   name: custom
   training_path: flower_photos
   validation_split: 0.2
   test_path: flower_photos
training:
   batch_size: 64
   epochs: 150
   dropout: 0.3
   frozen_layers: (0:1)
   optimizer:
      Adam:
         learning_rate: 0.001
   callbacks:
      ReduceLROnPlateau:
         monitor: val_accuracy
         factor: 0.1
         patience: 10
   resume_training_from: own.pt
""",
    "backbone": """
training:
   model:
      name: mobilenet
      version: v2
      alpha: 0.35
      input_shape: (224, 224, 3)
      pretrained_model_path: own.pt
""",
    "frozen but the last": "training: {frozen_layers: '(0:-1)'}",
    "frozen range": "training: {frozen_layers: '(10:120)'}",
    "frozen tail": "training: {frozen_layers: '(150:)'}",
    "frozen list": "training: {frozen_layers: '(8, 110:121, -1)'}",
    "step 1": """
training:
   model:
      name: mobilenet
      version: v2
      alpha: 0.35
      input_shape: (128, 128, 3)
      pretrained_weights: imagenet
   frozen_layers: (0:-1)
   trained_model_path: ${MODELS_DIR}/step_1.pt
""",
    f"{OWN}: step 2": """
general:
   model_path: ${MODELS_DIR}/own.pt
training:
   frozen_layers: (50:)
   trained_model_path: ${MODELS_DIR}/step_2.pt
""",
    f"{OWN}: step 3": """
general:
   model_path: ${MODELS_DIR}/own.pt
training:
   frozen_layers: None
   trained_model_path: ${MODELS_DIR}/step_3.pt
""",
}


def merged(base, block):
    for key, value in block.items():
        base[key] = merged(base.get(key, {}), value) if isinstance(value, dict) and key != "optimizer" else value
    return base


@pytest.fixture
def folder(tmp_path, monkeypatch):
    import torch

    from zoo_core.training.checkpoint import save_weights

    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    (tmp_path / "flower_photos").mkdir()
    metadata = {"use_case": "classification", "model_name": "mobilenetv2_a035_pt"}
    save_weights(tmp_path / "own.pt", {"weight": torch.zeros(1)}, metadata)
    return tmp_path


def load(folder, name):
    data = copy.deepcopy(BASE)
    block = yaml.safe_load(BLOCKS[name])
    if name.startswith(OWN):
        del data["training"]["model"]
    if "dataset" in block:
        data["dataset"] = {}
    path = folder / "user_config.yaml"
    path.write_text(yaml.safe_dump(merged(data, block), sort_keys=False))
    return load_config(path, catalog=get_catalog())


@pytest.mark.parametrize("name", BLOCKS)
def test_the_block_passes(folder, name):
    loaded = load(folder, name)
    assert loaded.config.model.model_name == "mobilenetv2_a035_pt"


def test_what_the_blocks_stand_for(folder):
    own = load(folder, OWN).config
    assert own.model.model_path == folder / "own.pt"
    assert (own.training.dropout, own.training.frozen_layers.resolve(5)) == (0.3, (0, 4))
    assert own.training.callbacks.ReduceLROnPlateau.monitor == "val_loss"
    resumed = load(folder, f"{OWN}: resumed").config
    assert resumed.training.resume_training_from == folder / "own.pt"
    assert resumed.training.epochs == 150
    backbone = load(folder, "backbone").config.model
    assert (backbone.pretrained, backbone.pretrained_model_path) == (False, folder / "own.pt")
    third = load(folder, f"{OWN}: step 3").config
    assert third.training.frozen_layers is None
    assert third.training.trained_model_path == folder / "step_3.pt"
    assert load(folder, "published weights").config.model.pretrained is True
    assert load(folder, "no published weights").config.model.pretrained is False


def test_the_names_of_keras_files_are_refused_with_those_of_torch(folder):
    block = BLOCKS["step 1"].replace("step_1.pt", "step_1.h5")
    data = merged(copy.deepcopy(BASE), yaml.safe_load(block))
    path = folder / "user_config.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=r"trained_model_path .*step_1\.h5 ends in \.h5\.\s+Expected one of \.pt"):
        load_config(path, catalog=get_catalog())
