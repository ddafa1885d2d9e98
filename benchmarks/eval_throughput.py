"""Measure our ONNX evaluation against raw onnxruntime calls on preloaded tensors plus the time of decoding.

The peer is what nobody can be faster than in one process: the time to read and preprocess every picture, plus the
time of the bare session calls on tensors that lie in memory. Usage: python benchmarks/eval_throughput.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from PIL import Image

from zoo_core.artifacts import FloatOnnx, hash_file
from zoo_core.config.load import load_config
from zoo_core.export.onnx_export import export_onnx
from zoo_core.plugins import get_catalog
from zoo_core.runs.layout import RunLayout
from zoo_core.services.context import RunContext
from zoo_core.services.evaluation import measure
from zoo_core.training.silence import SilentProgress

ROUNDS = 5
LIMIT = 0.9
IMAGES = 240
SIDE = 320
BATCH = 16
CONFIG = f"""\
operation_mode: evaluation
use_case: classification
model: {{model_name: mobilenetv2_a050_pt, input_shape: [3, 224, 224], model_path: model.onnx}}
dataset: {{dataset_name: custom, test_path: images, workers: 0}}
evaluation: {{batch_size: {BATCH}}}
"""


def write_images(root: Path) -> None:
    """Write random JPEG pictures in two class folders."""
    generator = np.random.default_rng(0)
    for index in range(IMAGES):
        folder = root / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        coarse = generator.integers(0, 256, (SIDE // 16, SIDE // 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE)).save(folder / f"{index}.jpg", quality=90)


def open_context(folder: Path) -> RunContext:
    """Export an untrained network and return the context of a run that evaluates it."""
    write_images(folder / "images")
    path = folder / "config.yaml"
    path.write_text(CONFIG.replace(", model_path: model.onnx", ", pretrained: True"))
    loaded = load_config(path, catalog=get_catalog())
    context = RunContext(loaded, RunLayout(folder), SilentProgress(), splits=frozenset({"test"}), seed=0)
    export_onnx(context.build_without_pretrained(), context.input, folder / "model.onnx", metadata={})
    path.write_text(CONFIG)
    loaded = load_config(path, catalog=get_catalog())
    return RunContext(loaded, RunLayout(folder), SilentProgress(), splits=frozenset({"test"}), seed=0)


def main() -> int:
    """Measure, print, and return 1 when the limit is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = open_context(folder)
        model = FloatOnnx(path=folder / "model.onnx", sha256=hash_file(folder / "model.onnx"), made_by="user")
        dataset, preprocessing = context.dataset("test"), context.task.preprocessing
        session = ort.InferenceSession(model.path, providers=["CPUExecutionProvider"])
        ours, peer = [], []
        for turn in range(rounds + 1):
            started = time.perf_counter()
            tensors = [preprocessing(dataset[index].image) for index in range(len(dataset))]
            decoding = time.perf_counter() - started
            batches = [torch.stack(tensors[start : start + BATCH]).numpy() for start in range(0, IMAGES, BATCH)]
            started = time.perf_counter()
            for batch in batches:
                session.run(None, {"input": batch})
            calls = time.perf_counter() - started
            started = time.perf_counter()
            measured = measure(context, model, dataset, "")
            if turn > 0:
                ours.append(time.perf_counter() - started)
                peer.append(decoding + calls)
        assert measured.images == IMAGES  # noqa: S101 - the comparison means nothing otherwise
    ratio = statistics.median(peer) / statistics.median(ours)
    print(f"decode + raw calls  {IMAGES / statistics.median(peer):7.1f} images/s")
    print(f"zoo evaluation      {IMAGES / statistics.median(ours):7.1f} images/s")
    print(f"ratio {ratio:.3f}, limit {LIMIT}, {rounds} rounds of {IMAGES} images, one process")
    return 0 if ratio >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
