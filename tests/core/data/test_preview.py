"""Examples for the preview: the very pictures that a training with the same seed sees."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection, TrainingSection
from zoo_core.data.loader import train_loader
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.data.preview import PICTURES, Example, Examples, draw_examples
from zoo_core.data.sheet import GAP, TILE, draw_sheet
from zoo_core.errors import DataError, UnreadableImageError, UserError
from zoo_core.protocols import Sample

COLOURS = ImagePreprocessing(input=InputSpec(3, 12, 16), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


class Photos:
    """Random pictures; those in `broken` cannot be read. The label is a dictionary, as detection might have it."""

    in_memory = True

    def __init__(self, count, broken=()):
        self.targets = [{"boxes": index} for index in range(count)]
        self.broken = broken

    def __len__(self):
        return len(self.targets)

    def name(self, index):
        return f"folder/{index}.png"

    def __getitem__(self, index):
        if index in self.broken:
            raise UnreadableImageError(self.name(index), "the file is empty")
        pixels = np.random.default_rng(index).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        return Sample(Image.fromarray(pixels), self.targets[index], self.name(index))


class Noise:
    """Add noise of one colour to the whole image, and give as many copies as asked for."""

    def __init__(self, copies=0, strength=0.2):
        self.copies = copies
        self.strength = strength

    def __call__(self, sample):
        image = COLOURS(sample.image)
        found = [image + self.strength * torch.rand(3, 1, 1) for _ in range(max(1, self.copies))]
        return torch.stack(found) if self.copies else found[0], sample.target


class AnyTask:
    """What the preview asks of a use case."""

    def __init__(self, transform, preprocessing=COLOURS):
        self.transform = transform
        self.preprocessing = preprocessing

    def train_transform(self):
        return self.transform

    def train_sampler(self, dataset):
        return None

    def collate_targets(self, targets):
        return list(targets)


def batch_of_training(dataset, transform, seed, epoch):
    training = TrainingSection(epochs=5, batch_size=len(dataset))
    loader = train_loader(dataset, AnyTask(transform), training, DatasetSection(workers=0), seed)
    loader.set_epoch(epoch)
    return next(iter(loader))


def test_pictures_are_those_of_the_first_epochs():
    dataset = Photos(9)
    found = draw_examples(dataset, AnyTask(Noise()), 5, 9)
    assert found.titles == ("epoch 1", "epoch 2", "epoch 3", "epoch 4")
    for epoch in range(PICTURES):
        images, targets = batch_of_training(dataset, Noise(), 5, epoch)
        shown = {example.path: example.after[epoch] for example in found.examples}
        for image, target in zip(images, targets, strict=True):
            assert shown[dataset.name(target["boxes"])] == COLOURS.to_image(image)


def test_images_are_the_first_ones_of_the_training_in_their_order():
    dataset = Photos(20)
    _, targets = batch_of_training(dataset, Noise(), 8, 0)
    found = draw_examples(dataset, AnyTask(Noise()), 8, 5)
    assert [example.path for example in found.examples] == [dataset.name(target["boxes"]) for target in targets[:5]]
    other = draw_examples(dataset, AnyTask(Noise()), 9, 5)
    assert [example.path for example in other.examples] != [example.path for example in found.examples]


def test_before_is_the_image_as_evaluation_sees_it():
    (example,) = draw_examples(Photos(1), AnyTask(Noise()), 0, 3).examples
    assert example.before == Photos(1)[0].image.resize((16, 12), Image.Resampling.BILINEAR)
    assert example.changed
    (still,) = draw_examples(Photos(1), AnyTask(Noise(strength=0)), 0, 3).examples
    assert not still.changed


def test_copies_stand_side_by_side():
    found = draw_examples(Photos(4), AnyTask(Noise(copies=2)), 1, 2)
    assert found.titles == ("epoch 1, copy 1", "epoch 1, copy 2", "epoch 2, copy 1", "epoch 2, copy 2")
    many = draw_examples(Photos(4), AnyTask(Noise(copies=5)), 1, 2)
    assert many.titles == tuple(f"epoch 1, copy {number}" for number in range(1, 6))


def test_files_that_cannot_be_read_give_way_to_the_next():
    found = draw_examples(Photos(6, broken={0, 1, 2}), AnyTask(Noise()), 1, 6)
    assert len(found.examples) == 3
    assert {skip.path for skip in found.skipped} == {f"folder/{index}.png" for index in range(3)}
    with pytest.raises(DataError, match="None of the 2"):
        draw_examples(Photos(2, broken={0, 1}), AnyTask(Noise()), 1, 6)


def test_label_is_the_name_of_a_class_where_there_is_one():
    task = AnyTask(Noise())
    task.class_names = ("cat", "dog")
    dataset = Photos(2)
    dataset.targets = [1, {"boxes": 3}]
    labels = {example.path: example.label for example in draw_examples(dataset, task, 0, 2).examples}
    assert labels == {"folder/0.png": "dog", "folder/1.png": ""}


def test_inputs_of_another_kind_cannot_be_shown():
    with pytest.raises(UserError, match="cannot be shown"):
        draw_examples(Photos(2), AnyTask(Noise(), preprocessing=object()), 0, 1)


# ---------------------------------------------------------------- the way back to a picture


@pytest.mark.parametrize("color_mode", ["rgb", "bgr", "grayscale", "rgba"])
@pytest.mark.parametrize("scale", [1 / 255, 1 / 127.5, -1 / 255, 1.0])
def test_picture_of_a_model_input_is_the_resized_image(color_mode, scale):
    channels = {"grayscale": 1, "rgba": 4}.get(color_mode, 3)
    prepare = ImagePreprocessing(
        input=InputSpec(channels, 12, 16), color_mode=color_mode, scale=scale, offset=0.25, mean=(0.3,), std=(0.7,)
    )
    image = Photos(1)[0].image.convert("RGBA")
    assert prepare.to_image(prepare(image)) == prepare.resize(prepare.convert(image))


def test_values_that_no_pixel_has_are_clipped():
    picture = COLOURS.to_image(torch.stack([torch.full((2, 2), value) for value in (-99.0, 0.0, 99.0)]))
    assert picture.getpixel((0, 0)) == (0, 102, 255)


# ---------------------------------------------------------------- the sheet


def square(colour, size=(16, 16)):
    return Image.new("RGB", size, colour)


def test_sheet_shows_each_picture_in_its_place():
    rows = [
        Example(
            path=f"{index}.png",
            label="",
            before=square((index, 0, 9)),
            after=(square((index, 1, 9)), square((index, 2, 9))),
        )
        for index in (50, 60, 70)
    ]
    sheet = draw_sheet(Examples(examples=tuple(rows), titles=("epoch 1", "epoch 2"), skipped=()), "title")
    assert sheet.width == GAP + 3 * (TILE + GAP)
    colours = dict(map(reversed, sheet.getcolors(1 << 20)))
    assert {(row, column, 9) for row in (50, 60, 70) for column in (0, 1, 2)} <= set(colours)
    assert colours[(60, 1, 9)] == TILE * TILE
    places = {
        colour: np.argwhere((np.asarray(sheet) == colour).all(2)).min(0)
        for colour in [(50, 0, 9), (50, 1, 9), (60, 0, 9)]
    }
    assert places[(50, 0, 9)][1] < places[(50, 1, 9)][1]
    assert places[(50, 0, 9)][0] == places[(50, 1, 9)][0] < places[(60, 0, 9)][0]


@pytest.mark.parametrize("size", [(1, 1), (400, 100), (90, 300), (160, 160)])
def test_pictures_of_any_size_are_fitted_whole(size):
    example = Example(path="x.png", label="a" * 500, before=square((1, 2, 3), size), after=())
    sheet = draw_sheet(Examples(examples=(example,), titles=(), skipped=()), "b" * 500)
    where = np.argwhere((np.asarray(sheet) == (1, 2, 3)).all(2))
    height, width = where.max(0) - where.min(0) + 1
    assert max(height, width) == TILE
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)


# ---------------------------------------------------------------- targets


class Marking(AnyTask):
    """Write a target into the corner of the picture."""

    def draw_target(self, picture, target):
        marked = picture.copy()
        marked.putpixel((0, 0), (target["boxes"], 0, 77))
        return marked


def moved_target(sample):
    return COLOURS(sample.image), {"boxes": sample.target["boxes"] + 100}


def test_targets_are_drawn_when_the_use_case_can():
    dataset = Photos(3)
    found = draw_examples(dataset, Marking(moved_target), 1, 3)
    for example in found.examples:
        index = next(k for k in range(3) if dataset.name(k) == example.path)
        assert example.before.getpixel((0, 0)) == (index, 0, 77)
        assert [picture.getpixel((0, 0)) for picture in example.after] == [(index + 100, 0, 77)] * PICTURES
        assert example.before.getpixel((5, 5)) == example.after[0].getpixel((5, 5))
    assert draw_sheet(found, "").width > draw_sheet(draw_examples(dataset, AnyTask(moved_target), 1, 3), "").width


def test_every_copy_shows_the_target():
    class Copies(Noise):
        def __call__(self, sample):
            return super().__call__(sample)[0], {"boxes": 9}

    for example in draw_examples(Photos(2), Marking(Copies(copies=2)), 1, 2).examples:
        assert [picture.getpixel((0, 0)) for picture in example.after] == [(9, 0, 77)] * 4
