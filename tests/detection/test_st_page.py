"""Every block of ST's page on torch detection is taken as it is written there, with real paths in place of its own."""

import copy
import json

import pytest
import yaml
from PIL import Image

from zoo_core.config.load import load_config
from zoo_core.errors import ConfigError
from zoo_core.plugins import get_catalog

SSD_MODEL = """
model:
  framework: 'torch'
  model_type : ssd
  model_path : ''
  model_name: "ssdlite_mobilenetv2_pt"
  width_mult: 1.0
  pretrained: True
  pretrained_dataset : coco_person
  input_shape: [3, 300, 300]
  num_classes: 1
"""
YOLOD_MODEL = """
model:
  framework: 'torch'
  model_type : st_yolod
  model_path : ''
  model_name: st_yolodv2milli_actrelu_pt
  pretrained: True
  pretrained_dataset: coco
  input_shape: [3, 640, 640]
  pretrained_input_shape : [3, 640, 640]
  num_classes: 1
"""
COCO = """
dataset:
  format : coco
  dataset_name : coco
  class_names: ["person"]
  training_path : " "
  train_images_path : images
  train_annotations_path: instances.json
  val_images_path : images
  val_annotations_path: instances.json
  test_images_path : images
  test_annotations_path: instances.json
  quantization_path : images
  prediction_path: instances.json
  seed : 123
"""
VOC = """
dataset:
  format: voc
  dataset_name: voc
  train_images_path : images
  train_annotations_path: Annotations
  train_split :  trainval.txt
  val_images_path : images/
  val_annotations_path: Annotations/
  val_split : trainval.txt
"""
AUGMENTATION = """
dataset:
  num_workers: 4
  multiscale_range: 5
  random_size: [10, 20]
  mosaic_prob: 0.5
  mixup_prob: 1.0
  hsv_prob: 1.0
  flip_prob: 0.5
  degrees: 10.0
  translate: 0.1
  mosaic_scale: (0.5, 1.5)
  enable_mixup: False
  mixup_scale: (0.5, 1.5)
  shear: 2.0
"""
YOLOD_TRAINING = """
training:
  trainer_name : 'yolod'
  batch_size: 64
  warmup_epochs: 1
  epochs: 300
  scheduler: "yoloxwarmcos"
  no_aug_epochs: 15
  ema: True
  print_interval: 1
  eval_interval: 1
  save_history_ckpt: True
  optimizer:
    SGD:
      learning_rate: 0.01
      momentum: 0.9
      warmup_lr: 0.0
      min_lr_ratio: 0.05
      weight_decay: 5e-4
  resume_training_from: ''
  start_epoch: 0
  fp16: True
"""
SSD_TRAINING = """
training:
  trainer_name : ssd
  batch_size: 32
  epochs: 300
  validation_epochs: 2
  print_interval : 100
  base_net_lr: null
  extra_layers_lr: null
  momentum: 0.9
  weight_decay: 0.0005
  gamma: 0.1
  scheduler: "cosine"
  t_max: 200
  optimizer:
    SGD:
      learning_rate: 0.01
      momentum: 0.9
      weight_decay: 0.0005
"""
REST = """
general:
  saved_models_dir: 'st_yolodv2milli_actrelu_pt'
  global_seed: 42
preprocessing:
  rescaling:
    scale: 1/127.5
    offset: -1
  resizing:
    interpolation: nearest
    aspect_ratio: fit
  color_mode: rgb
postprocessing:
  confidence_thresh: 0.001
  NMS_thresh: 0.5
  IoU_eval_thresh: 0.5
  plot_metrics: False
  max_detection_boxes: 100
quantization:
  quantizer: onnx_quantizer
  quantization_type: PTQ
  quantization_input_type: float
  quantization_output_type: uint8
  granularity: per_channel
  export_dir: quantized_models
tools:
  stedgeai:
    optimization: balanced
    on_cloud: True
    path_to_stedgeai: C:/ST/STEdgeAI/<x.y>/Utilities/windows/stedgeai.exe
  path_to_cubeIDE: C:/ST/STM32CubeIDE_<*.*.*>/STM32CubeIDE/stm32cubeide.exe
benchmarking:
   board: STM32H747I-DISCO
mlflow:
  uri: ./src/experiments_outputs/mlruns
hydra:
  run:
    dir: ./src/experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}
"""
DEPLOYMENT = """
model:
  model_path: model.onnx
  model_type: ssd
dataset:
  class_names: [ aeroplane,bicycle,bird,boat,bottle,bus,car,cat,chair,cow ]
deployment:
  c_project_path: ../application_code/object_detection/STM32H7/
  IDE: GCC
  verbosity: 1
  hardware_setup:
    serie: STM32H7
    board: STM32H747I-DISCO
"""
XML = """<annotation><size><width>64</width><height>48</height><depth>3</depth></size>
<object><name>person</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
</annotation>"""


def merged(*blocks):
    data = {}
    for block in blocks:
        for name, section in yaml.safe_load(block).items():
            data.setdefault(name, {})
            data[name] = {**data[name], **section} if isinstance(section, dict) else section
    return data


@pytest.fixture
def check(tmp_path):
    """Return a function that checks a configuration in a folder where its paths exist."""
    (tmp_path / "images").mkdir()
    (tmp_path / "Annotations").mkdir()
    for number in (1, 2):
        Image.new("RGB", (64, 48)).save(tmp_path / "images" / f"{number}.jpg")
        (tmp_path / "Annotations" / f"{number}.xml").write_text(XML)
    (tmp_path / "trainval.txt").write_text("1\n2\n")
    (tmp_path / "model.onnx").write_bytes(b"")
    document = {
        "images": [{"id": number, "file_name": f"{number}.jpg", "width": 64, "height": 48} for number in (1, 2)],
        "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 20, 30], "area": 500, "iscrowd": 0}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))

    def load(data):
        path = tmp_path / "user_config_pt.yaml"
        path.write_text(yaml.safe_dump(copy.deepcopy(data)))
        return load_config(path, (), catalog=get_catalog())

    return load


def test_the_tutorial_with_st_yolod(check):
    data = {"operation_mode": "chain_tqeb", **merged(YOLOD_MODEL, COCO, AUGMENTATION, YOLOD_TRAINING, REST)}
    config = check(data).config
    training = config.training
    assert (training.trainer, training.amp, training.model_ema, training.checkpoint_hist) == ("yolod", True, True, 300)
    assert (training.no_aug_epochs, training.validation_epochs, training.log_interval) == (15, 1, 1)
    schedule = training.lr_scheduler
    assert (schedule.sched, schedule.lr, schedule.min_lr_ratio, schedule.warmup_epochs) == (
        "yoloxwarmcos", 0.01, 0.05, 1,
    )  # fmt: skip
    assert (training.optimizer.opt, training.optimizer.weight_decay) == ("sgd", 5e-4)
    assert config.data_augmentation.mosaic_scale == (0.5, 1.5)
    assert config.data_augmentation.random_size == (10, 20)
    assert config.dataset.workers == 4
    assert config.dataset.training_path is None
    assert config.model.model_path is None


def test_the_tutorial_with_ssd(check):
    config = check({"operation_mode": "chain_tqe", **merged(SSD_MODEL, COCO, SSD_TRAINING, REST)}).config
    training = config.training
    assert (training.trainer, training.validation_epochs, training.log_interval) == ("ssd", 2, 100)
    assert (training.lr_scheduler.sched, training.lr_scheduler.t_max) == ("cosine", 200)
    assert training.base_net_lr is None
    assert config.model.width_mult == 1.0


def test_pascal_voc(check):
    config = check({"operation_mode": "training", **merged(SSD_MODEL, VOC, SSD_TRAINING, REST)}).config
    assert config.dataset.train_split.name == "trainval.txt"


@pytest.mark.parametrize("mode", ["chain_qd", "deployment"])
def test_the_deployment_of_the_page(check, mode):
    loaded = check({"operation_mode": mode, **merged(REST, DEPLOYMENT)})
    assert loaded.config.deployment.hardware_setup.board == "STM32H747I-DISCO"
    assert loaded.config.use_case == "detection"


@pytest.mark.parametrize(
    "mode", ["evaluation", "quantization", "prediction", "benchmarking", "chain_eqe", "chain_eqeb"]
)
def test_every_mode_without_training(check, mode):
    data = {"operation_mode": mode, **merged(YOLOD_MODEL, COCO, REST)}
    data["model"].update(model_path="model.onnx", pretrained=False)
    assert check(data).config.operation_mode == mode


def test_the_data_set_finds_the_images_of_the_prediction(check):
    """`prediction_path` of the page is the JSON file of the validation images."""
    from zoo_core.protocols import PREDICTION, DataRequest
    from zoo_detection.data.build import build

    config = check({"operation_mode": "chain_tqe", **merged(YOLOD_MODEL, COCO, YOLOD_TRAINING, REST)}).config
    found = build(config.dataset, DataRequest(splits=frozenset({PREDICTION}), seed=1)).prediction
    assert [found.name(index).rpartition("/")[2] for index in range(len(found))] == ["1.jpg", "2.jpg"]


def test_classes_keep_the_numbers_of_the_annotations(check):
    from zoo_core.protocols import PREDICTION, DataRequest
    from zoo_detection.data.build import build

    data = {"operation_mode": "chain_tqe", **merged(YOLOD_MODEL, COCO, YOLOD_TRAINING, REST)}
    data["dataset"].pop("class_names")
    data["model"].pop("num_classes")
    found = build(check(data).config.dataset, DataRequest(splits=frozenset({PREDICTION}), seed=1))
    assert (found.class_names, found.class_ids) == (("person", "car"), (1, 3))


def test_a_misspelt_model_is_the_only_problem(check):
    data = {"operation_mode": "chain_tqe", **merged(YOLOD_MODEL, COCO, YOLOD_TRAINING, REST)}
    data["model"]["model_name"] = "st_yolodv2mili_actrelu_pt"
    data["model"].pop("model_type")
    data["dataset"].pop("dataset_name")
    with pytest.raises(ConfigError) as caught:
        check(data)
    assert [issue.key for issue in caught.value.issues] == ["model.model_name"]
