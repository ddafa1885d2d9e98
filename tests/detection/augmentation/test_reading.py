"""Reading at a reduced size: the same picture, boxes in the same places, and no file that stops a training."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.data.images import read_image
from zoo_core.data.seeding import isolated_randomness
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import Sample
from zoo_detection.augmentation.pictures import read_reduced
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.transform import DetectionTrainTransform
from zoo_detection.labels import BoxLabels

SIZE = (621, 403)  # no multiple of any reduction
BOX = [123, 57, 411, 302]


def smooth(path, **options):
    """Write a dark picture with one light rectangle."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = (220, 200, 180)
    Image.fromarray(pixels).save(path, quality=95, **options)
    return path


class Files:
    def __init__(self, paths, size=SIZE):
        self.paths = paths
        self.targets = [BoxLabels.of([BOX], [0], size) for _ in paths]

    def __len__(self):
        return len(self.paths)

    def name(self, index):
        return str(self.paths[index])

    def __getitem__(self, index):
        return Sample(read_image(self.paths[index]), self.targets[index], self.name(index))


@pytest.mark.parametrize(("scale", "divisor"), [(0.5, 2), (0.49, 2), (0.3, 2), (0.25, 4), (0.13, 4), (0.05, 8)])
def test_file_is_decoded_just_large_enough(tmp_path, scale, divisor):
    image, found = read_reduced(smooth(tmp_path / "a.jpg"), scale, SIZE)
    assert found == divisor
    assert image.size == (-(-SIZE[0] // divisor), -(-SIZE[1] // divisor))
    assert image.width >= scale * SIZE[0]


def test_other_files_are_left_to_the_data_set(tmp_path):
    Image.new("RGB", SIZE).save(tmp_path / "png.jpg", "PNG")
    assert read_reduced(tmp_path / "png.jpg", 0.2, SIZE) is None
    assert read_reduced(smooth(tmp_path / "a.jpg"), 0.2, (SIZE[0], 99)) is None
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_reduced(smooth(tmp_path / "turned.jpg", exif=exif), 0.2, SIZE) is None


@pytest.mark.parametrize(
    "plan", [Augmentation(expand=1.0), Augmentation(mosaic=1.0), Augmentation(mosaic=1.0, degrees=9)]
)
def test_reduced_reading_changes_next_to_nothing(tmp_path, prepare, plan):
    dataset = Files([smooth(tmp_path / f"{k}.jpg") for k in range(2)])
    preprocessing = prepare(interpolation="bilinear")
    for seed in range(8):
        found = []
        for hidden in (False, True):
            shown = Files(dataset.paths)
            if hidden:
                shown.name = lambda index: f"archive:{index}"
            transform = DetectionTrainTransform(preprocessing, plan, epochs=1)
            transform.set_dataset(shown)
            with isolated_randomness(seed):
                found.append(transform.load(0))
        (reduced, labels), (full, others) = found
        assert np.array_equal(labels.boxes, others.boxes)
        assert (reduced - full).abs().mean() < 1.5


@pytest.mark.usefixtures("_all_kept")
@pytest.mark.parametrize(
    "plan", [Augmentation(expand=1.0), Augmentation(mosaic=1.0), Augmentation(mosaic=1.0, degrees=0.1)]
)
def test_reduced_pictures_lie_where_their_boxes_are(tmp_path, prepare, plan):
    dataset = Files([smooth(tmp_path / "a.jpg")])
    transform = DetectionTrainTransform(prepare(interpolation="bilinear"), plan, epochs=1)
    transform.set_dataset(dataset)
    compared = 0
    for seed in range(20):
        with isolated_randomness(seed):
            image, labels = transform.load(0)
        light = (image[0] > 167).numpy()  # half way between the rectangle and all that may surround it
        covered = np.zeros_like(light)
        for left, top, right, bottom in labels.boxes.round().astype(int):
            covered[top:bottom, left:right] = True
        edge = sum((box[2:] - box[:2]).sum() * 2 for box in labels.boxes)
        if len(labels):
            assert (light ^ covered).sum() <= 1.2 * edge + 20
            compared += 1
    assert compared > 10


def test_damaged_files_are_told_as_the_data_set_tells_them(tmp_path, prepare):
    whole = smooth(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    dataset = Files([tmp_path / name for name in ("cut.jpg", "empty.jpg", "absent.jpg", "a.jpg")])
    for plan in (Augmentation(mosaic=1.0, degrees=3), Augmentation(expand=1.0, expand_ratio=20)):
        transform = DetectionTrainTransform(prepare(), plan, epochs=1)
        transform.set_dataset(dataset)
        for index, words in enumerate(["truncated", "empty", "does not exist"]):
            with isolated_randomness(0), pytest.raises(UnreadableImageError, match=words):
                transform.load(index)
        for seed in range(5):
            with isolated_randomness(seed):
                image, _ = transform.load(3)
            assert torch.isfinite(image).all()
