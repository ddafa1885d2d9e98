"""Own the texts beside the pictures: what the folder holds, and configurations that train on it."""

from __future__ import annotations

from zoo_core.data.shapes.identities import HEIGHT, WIDTH
from zoo_core.data.shapes.plan import CAMERAS, ShapesPlan
from zoo_core.data.shapes.scenes import CLASSES
from zoo_core.data.splits import split_indices

STRIDE = 32
"""Sides of an input are multiples of it, as detectors need them."""
HELD_BACK = 0.2
"""Share of the training identities that validates."""
INSTANCES, PERSONS = 4, 16
"""Pictures of each identity in a batch, and identities where there are as many."""
FEWEST = 2
"""Identities without whom there is nobody to tell apart."""
POSE_PICTURES, POSE_EPOCHS = 73_000, (20, 65)
"""Pictures with poses, repeated ones included, that a training sees, and its fewest and most epochs."""


def readme(plan: ShapesPlan, version: str) -> str:
    """Return the text that says what is in the folder and how to make it again."""
    splits, crops = plan.splits, plan.crops
    return f"""\
Drawn figures, with boxes, keypoints and identities that are known exactly.
Made by zoo {version}; the same numbers give the same files again:

  zoo data make shapes --output DIR --images {plan.images} --size {plan.size} --seed {plan.seed} \
--identities {plan.identities}

images/{{train,val,test}}
  {splits["train"]}, {splits["val"]} and {splits["test"]} pictures of {plan.size} x {plan.size} pixels with 1 to 5 \
figures each: {", ".join(CLASSES)}.

annotations/instances_{{train,val,test}}.json
  COCO format. Boxes, areas and outlines are those of the whole figure, the parts that another one hides too.

annotations/person_keypoints_{{train,val,test}}.json
  COCO format, 17 keypoints of every person on the same pictures. Flags: 0 not labelled (behind the head),
  1 hidden by the person itself or by a figure in front, 2 visible.

pose/{{train,val,test}}
  As many pictures of one large person each, and beside each a text file with the line
  class cx cy w h x1 y1 v1 ... x17 y17 v17, in shares of the picture; v is 1 for a labelled point and 0 for another.

reid/{{train,query,gallery}}
  {crops["train"]}, {crops["query"]} and {crops["gallery"]} pictures of {WIDTH} x {HEIGHT} pixels, named \
<identity>_c<camera>_<number>.jpg.
  {plan.identities} identities seen by {CAMERAS} cameras; the {plan.training_identities} of train are not among the \
others.

detection.yaml
  Trains a small detector on the pictures, quantizes it and evaluates it: zoo run detection.yaml

reid.yaml
  The same for re-identification, on the pictures of reid: zoo run reid.yaml

pose.yaml
  The same for pose estimation, on the pictures of pose: zoo run pose.yaml
"""


def detection_config(plan: ShapesPlan) -> str:
    """Return the YAML of a training of a small ST_YOLOD, with paths relative to the file itself."""
    side = _side(plan)
    return f"""\
# Drawn figures: train, quantize, evaluate. From this folder: zoo run detection.yaml

operation_mode: chain_tqe
use_case: detection

general:
  project_name: shapes
  global_seed: 42

model:
  framework: torch
  model_type: st_yolod
  model_name: st_yolodv2micro_actrelu_pt
  pretrained: False
  input_shape: [3, {side}, {side}]
  num_classes: {len(CLASSES)}

dataset:
  format: coco
  dataset_name: coco
  class_names: [{", ".join(CLASSES)}]
  train_images_path: images/train
  train_annotations_path: annotations/instances_train.json
  val_images_path: images/val
  val_annotations_path: annotations/instances_val.json
  test_images_path: images/test
  test_annotations_path: annotations/instances_test.json
  quantization_path: images/train
  quantization_split: 0.3
  prediction_path: images/test

preprocessing:
  rescaling: {{scale: 1/255, offset: 0}}
  resizing: {{interpolation: bilinear, aspect_ratio: fit}}
  color_mode: rgb

data_augmentation:
  mosaic_prob: 0.0               # figures on plain ground need no joining of images
  hsv_prob: 0.5
  flip_prob: 0.5
  multiscale_range: 0

training:
  trainer_name: yolod
  batch_size: 8
  epochs: 25
  warmup_epochs: 1
  scheduler: yoloxwarmcos
  no_aug_epochs: 2
  ema: True
  eval_interval: 5
  channels_last: True
  optimizer:
    AdamW:
      learning_rate: 0.002
      warmup_lr: 0.0
      min_lr_ratio: 0.05
      weight_decay: 5e-4

postprocessing:
  NMS_thresh: 0.6
  IoU_eval_thresh: 0.5
  max_detection_boxes: 100

quantization:
  quantizer: onnx_quantizer
  quantization_type: PTQ
  granularity: per_channel
"""


def reid_config(plan: ShapesPlan) -> str:
    """Return the YAML of a training of a small OSNet, with paths relative to the file itself."""
    known, _ = split_indices(plan.training_identities, HELD_BACK, 0)
    by = "identity" if len(known) >= FEWEST else "image"
    persons = min(PERSONS, len(known) if by == "identity" else plan.training_identities)
    return f"""\
# Drawn persons: train, quantize, evaluate. From this folder: zoo run reid.yaml

operation_mode: chain_tqe
use_case: reid

general:
  project_name: shapes
  global_seed: 42

model:
  model_name: osnet_a050
  input_shape: ({HEIGHT // 2}, {WIDTH // 2}, 3)       # height, width, channels
  pretrained: False
  neck: bnneck                   # losses before and after a normalisation; learns faster from new weights

dataset:
  dataset_name: flat             # pictures named <identity>_c<camera>_<number>
  training_path: reid/train
  validation_split: {HELD_BACK}
  validation_split_by: {by}
  test_query_path: reid/query
  test_gallery_path: reid/gallery
  prediction_query_path: reid/query
  prediction_gallery_path: reid/gallery
  quantization_split: 0.5

preprocessing:
  rescaling: {{scale: 1/127.5, offset: -1}}
  resizing: {{interpolation: bilinear, aspect_ratio: fit}}
  color_mode: rgb

data_augmentation:
  random_flip: {{mode: horizontal}}
  random_brightness: {{factor: 0.15}}
  random_contrast: {{factor: 0.25}}
  random_hsv: {{hue_delta: 0.02, saturation_delta: 0.15, value_delta: 0.1}}

training:
  batch_size: {persons * INSTANCES:<18} # {persons} persons with {INSTANCES} pictures each
  num_instances: {INSTANCES}
  epochs: 65
  optimizer:
    Adam: {{learning_rate: 0.001}}
  callbacks:
    LRWarmupCosineDecay: {{initial_lr: 0.0001, warmup_steps: 3, max_lr: 0.006, hold_steps: 0, decay_steps: 62, \
end_lr: 1e-5}}
  identity_loss: {{label_smoothing: 0.1}}
  triplet_loss: {{margin: 0.3, strategy: hard, distance_metric: cosine}}

evaluation:
  reid_distance_metric: cosine
  tta: 2                         # with the mean of a picture and its mirror image

quantization:
  quantizer: onnx_quantizer
  quantization_type: PTQ
  granularity: per_channel
"""


def pose_config(plan: ShapesPlan) -> str:
    """Return the YAML of a training of a small model that gives heat maps, with paths relative to the file itself."""
    side, epochs = _side(plan), min(max(POSE_PICTURES // plan.splits["train"], POSE_EPOCHS[0]), POSE_EPOCHS[1])
    return f"""\
# Drawn persons with keypoints: train, quantize, evaluate. From this folder: zoo run pose.yaml

operation_mode: chain_tqe
use_case: pose

general:
  project_name: shapes
  global_seed: 42

model:
  model_name: st_movenet_lightning_heatmaps
  alpha: 0.5
  input_shape: ({side}, {side}, 3)      # height, width, channels
  pretrained: False

dataset:
  format: yolo                   # a text file beside each picture
  keypoints: 17
  training_path: pose/train
  validation_path: pose/val
  test_path: pose/test
  quantization_path: pose/train
  quantization_split: 0.3
  prediction_path: pose/test

preprocessing:
  rescaling: {{scale: 1/127.5, offset: -1}}
  resizing: {{interpolation: bilinear, aspect_ratio: fit}}
  color_mode: rgb

data_augmentation:
  random_flip: {{mode: horizontal}}     # left and right change places

training:
  batch_size: 16
  epochs: {epochs}
  validation_epochs: 6
  model_ema: True
  model_ema_decay: 0.998
  model_ema_warmup: True
  optimizer:
    Adam: {{learning_rate: 0.004}}
  callbacks:
    LRWarmupCosineDecay: {{initial_lr: 0.0003, warmup_steps: 2, max_lr: 0.004, hold_steps: 0, \
decay_steps: {epochs - 2}, end_lr: 1e-5}}

postprocessing:
  kpts_conf_thresh: 0.15
  plot_metrics: True

quantization:
  quantizer: onnx_quantizer
  quantization_type: PTQ
  granularity: per_channel
"""


def _side(plan: ShapesPlan) -> int:
    """Return the side of a model's input that comes next to that of the pictures, in pixels."""
    return max(STRIDE, round(plan.size / STRIDE) * STRIDE)
