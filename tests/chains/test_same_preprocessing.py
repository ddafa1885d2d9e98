"""One image gives the same tensor in training, calibration, ONNX evaluation and prediction, bit for bit.

The chain is run as a user runs it, and what reaches torch and onnxruntime is recorded at their doors.
"""

from collections import defaultdict
from contextlib import contextmanager

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image, ImageOps

from zoo_core.services.evaluation import EvaluationService
from zoo_core.services.prediction import PredictionService
from zoo_core.services.quantization import QuantizationService
from zoo_core.services.training import TrainingService

CONFIG = """\
operation_mode: chain_tqep
general: {seed: 3}
model:
  model_name: resnet8
  input_shape: INPUT
dataset:
  dataset_name: custom
  training_path: images
  validation_path: images
  test_path: test_images
  quantization_path: images
  prediction_path: images
  workers: 0
preprocessing: PREPROCESSING
data_augmentation: AUGMENTATION
training:
  epochs: 1
  batch_size: 4
  optimizer: {opt: sgd}
  lr_scheduler: {lr: 0.01, warmup_epochs: 0}
quantization: {quantizer: onnx_quantizer}
hydra: {run: {dir: RUN_DIR}}
"""
CHAIN = {
    "training": TrainingService,
    "quantization": QuantizationService,
    "evaluation": EvaluationService,
    "prediction": PredictionService,
}


def draw_images(folder):
    """Files of every kind that the reading has to bring to one form; the test set holds the same ones."""
    noise = np.random.default_rng(0)

    def pixels(height, width, *channels, kind=np.uint8):
        return noise.integers(0, np.iinfo(kind).max, (height, width, *channels), dtype=kind)

    turned = Image.Exif()
    turned[0x0112] = 6
    files = {
        "a/photo.jpg": (Image.fromarray(pixels(37, 52, 3)), {"quality": 90}),
        "a/turned.jpg": (Image.fromarray(pixels(30, 50, 3)), {"quality": 90, "exif": turned}),
        "a/grey.png": (Image.fromarray(pixels(16, 16)), {}),
        "a/tiny.png": (Image.fromarray(pixels(5, 7, 3)), {}),
        "b/transparent.png": (Image.fromarray(pixels(40, 24, 4)), {}),
        "b/palette.png": (Image.fromarray(pixels(33, 33, 3)).quantize(32), {}),
        "b/deep.png": (Image.fromarray(pixels(20, 31, kind=np.uint16)), {}),
        "b/wide.bmp": (Image.fromarray(pixels(9, 90, 3)), {}),
    }
    for name, (image, options) in files.items():
        for root in ("images", "test_images"):
            path = folder / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, **options)
    return [folder / "images" / name for name in files]


class Recorder:
    """Keep every image of shape (C, H, W) that reaches an engine, by stage."""

    def __init__(self):
        self.stage = ""
        self.seen = defaultdict(set)

    def take(self, stage, images):
        self.seen[stage].update(np.ascontiguousarray(image, dtype=np.float32).tobytes() for image in np.asarray(images))

    def images(self, stage, shape):
        return [np.frombuffer(data, np.float32).reshape(shape) for data in self.seen[stage]]


@contextmanager
def recorded(monkeypatch):
    """Listen at torch's forward, in both modes, and at onnxruntime's run."""
    recorder = Recorder()
    for name, service in CHAIN.items():
        run = service.run

        def marked(self, *arguments, name=name, run=run):
            recorder.stage = name
            try:
                return run(self, *arguments)
            finally:
                recorder.stage = ""

        monkeypatch.setattr(service, "run", marked)
    infer = onnxruntime.InferenceSession.run

    def heard(self, names, feeds, *arguments, **options):
        recorder.take(recorder.stage, next(iter(feeds.values())))
        return infer(self, names, feeds, *arguments, **options)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", heard)

    def listen(module, inputs):
        if type(module).__name__ == "CifarResNet" and recorder.stage == "training":
            recorder.take("training" if module.training else "validation", inputs[0].detach().numpy())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(listen)
    try:
        yield recorder
    finally:
        handle.remove()


def by_hand(path, shape, *, mode, filling, resampling, scale, offset, mean, std):
    """What the configuration says, with Pillow and NumPy alone."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        image = Image.fromarray(np.rint(np.asarray(image, dtype=np.float64) / 257).astype(np.uint8))
    if image.mode == "P":
        image = image.convert("RGBA")
    image = image.convert(mode)
    _, height, width = shape
    if filling == "fit":
        image = image.resize((width, height), resampling)
    else:
        choose = max if filling == "crop" else min
        ratio = choose(width / image.width, height / image.height)
        image = image.resize((max(1, round(image.width * ratio)), max(1, round(image.height * ratio))), resampling)
        canvas = Image.new(mode, (width, height))
        canvas.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
        image = canvas
    pixels = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1).astype(np.float64)
    mean, std = (np.reshape(values, (-1, 1, 1)) for values in (mean, std))
    return (pixels * scale + offset - mean) / std


CASES = {
    "tutorial": (
        "[3, 16, 24]",
        """
  rescaling: {scale: 1/255.0, offset: 0}
  resizing: {interpolation: nearest, aspect_ratio: fit}
  color_mode: rgb
  mean: [0.485, 0.456, 0.406]
  std: [0.229, 0.224, 0.225]
""",
        {
            "mode": "RGB",
            "filling": "fit",
            "resampling": Image.Resampling.NEAREST,
            "scale": 1 / 255,
            "offset": 0,
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
        },
    ),
    "grey padding": (
        "[1, 16, 16]",
        """
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {interpolation: bicubic, aspect_ratio: padding}
  color_mode: grayscale
  normalization: {mean: 0.1, std: 0.5}
""",
        {
            "mode": "L",
            "filling": "padding",
            "resampling": Image.Resampling.BICUBIC,
            "scale": 1 / 127.5,
            "offset": -1,
            "mean": 0.1,
            "std": 0.5,
        },
    ),
    "random crop": (
        "[3, 24, 16]",
        """
  resizing: {interpolation: random, aspect_ratio: crop}
  normalization: {mean: [0.0, 0.0, 0.0], std: 1}
""",
        {
            "mode": "RGB",
            "filling": "crop",
            "resampling": Image.Resampling.BILINEAR,
            "scale": 1 / 255,
            "offset": 0,
            "mean": 0,
            "std": 1,
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_same_tensors_reach_every_engine(case, chains, tmp_path, monkeypatch):
    shape_text, preprocessing, settings = CASES[case]
    shape = tuple(int(size) for size in shape_text.strip("[]").split(","))
    paths = draw_images(tmp_path)
    text = CONFIG.replace("INPUT", shape_text).replace("PREPROCESSING", preprocessing)
    file = chains.write(tmp_path, text.replace("AUGMENTATION", "{random_flip: {mode: horizontal}}"))
    with recorded(monkeypatch) as recorder:
        chains.run(file)

    seen = {stage: recorder.seen[stage] for stage in ("validation", "evaluation", "prediction")}
    assert {stage: len(images) for stage, images in seen.items()} == dict.fromkeys(seen, len(paths))
    assert seen["validation"] == seen["evaluation"] == seen["prediction"]
    assert seen["validation"] <= recorder.seen["quantization"]

    found = recorder.images("evaluation", shape)
    for path in paths:
        wanted = by_hand(path, shape, **settings)
        distances = [np.abs(image - wanted).max() for image in found]
        assert min(distances) < 1e-5, path.name


def test_training_without_augmentation_sees_the_same_tensors_too(chains, tmp_path, monkeypatch):
    paths = draw_images(tmp_path)
    shape_text, preprocessing, _ = CASES["tutorial"]
    text = CONFIG.replace("INPUT", shape_text).replace("PREPROCESSING", preprocessing)
    file = chains.write(tmp_path, text.replace("AUGMENTATION", "").replace("chain_tqep", "training"))
    with recorded(monkeypatch) as recorder:
        chains.run(file)
    assert recorder.seen["training"] == recorder.seen["validation"]
    assert len(recorder.seen["training"]) == len(paths)


def test_model_file_decides_about_preprocessing_again_when_a_run_is_resumed(chains, tmp_path, monkeypatch):
    draw_images(tmp_path)
    shape_text, preprocessing, _ = CASES["grey padding"]
    text = CONFIG.replace("INPUT", shape_text).replace("PREPROCESSING", preprocessing).replace("AUGMENTATION", "")
    chains.run(chains.write(tmp_path, text.replace("chain_tqep", "chain_tq")))
    short = """\
operation_mode: chain_ep
model: {model_path: run/saved_models/resnet8/resnet8.onnx}
dataset: {dataset_name: custom, test_path: test_images, prediction_path: images, workers: 0}
hydra: {run: {dir: RUN_DIR}}
"""
    file = chains.write(tmp_path, short, run_dir="other")
    with recorded(monkeypatch) as first:
        chains.run(file)
    with recorded(monkeypatch) as again:
        chains.resume(tmp_path / "other", "prediction.batch_size=3")
    assert first.seen["evaluation"] == first.seen["prediction"]
    assert again.seen["prediction"] == first.seen["prediction"]
