from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import PreprocessingSection
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UnreadableImageError, UserError

RGB = InputSpec(3, 24, 32)


def picture(width: int = 50, height: int = 20, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def configured(size: InputSpec = RGB, **section: Any) -> ImagePreprocessing:
    return ImagePreprocessing.from_config(PreprocessingSection.model_validate(section), size)


def test_defaults_equal_torchvision_with_imagenet_values() -> None:
    expected = v2.Compose(
        [
            v2.Resize((24, 32), interpolation=v2.InterpolationMode.BILINEAR),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )(picture())
    found = configured()(picture())
    assert (found.dtype, found.shape) == (torch.float32, (3, 24, 32))
    torch.testing.assert_close(found, torch.as_tensor(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(50, 20), (20, 50), (32, 24), (7, 5), (320, 240)])
def test_crop_equals_resizing_the_short_side_and_centre_crop(size: tuple[int, int]) -> None:
    preprocessing = configured(resizing={"aspect_ratio": "crop"})
    ratio = max(32 / size[0], 24 / size[1])
    inner = [round(size[1] * ratio), round(size[0] * ratio)]
    resized = functional.resize(picture(*size), inner, interpolation=v2.InterpolationMode.BILINEAR)
    left, top = -((32 - inner[1]) // 2), -((24 - inner[0]) // 2)
    assert np.array_equal(
        np.asarray(preprocessing.resize(picture(*size))), np.asarray(resized.crop((left, top, left + 32, top + 24)))
    )


def test_padding_adds_black_borders_and_keeps_proportions() -> None:
    preprocessing = configured(resizing={"aspect_ratio": "padding"}, normalization={"mean": 0, "std": 1})
    found = preprocessing(Image.new("RGB", (50, 20), "white"))
    rows = found[0].amax(dim=1)
    assert rows.tolist() == [0.0] * 5 + [1.0] * 13 + [0.0] * 6
    assert (found[:, 5:18] == 1).all()


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["fit", "crop", "padding", "full_screen"]))
def test_placement_says_where_the_corners_are(width: int, height: int, aspect: str) -> None:
    preprocessing = configured(resizing={"aspect_ratio": aspect})
    place = preprocessing.placement(width, height)
    image = preprocessing.resize(Image.new("RGB", (width, height), "white"))
    assert image.size == (32, 24)
    box = image.getbbox()
    right, bottom = width * place.scale_x + place.left, height * place.scale_y + place.top
    clipped = (max(place.left, 0), max(place.top, 0), min(round(right), 32), min(round(bottom), 24))
    assert box == clipped


@pytest.mark.parametrize(
    "name", ["nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic", "random"]
)
def test_every_documented_interpolation_works(name: str) -> None:
    found = configured(resizing={"interpolation": name})(picture(200, 100))
    assert torch.isfinite(found).all()
    assert found.std() > 0.1


def test_shrinking_averages_but_for_nearest() -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], dtype=np.uint8), (48, 32)))
    for name in ("bilinear", "bicubic", "area", "nearest"):
        preprocessing = configured(InputSpec(1, 24, 16), resizing={"interpolation": name})
        middle = np.asarray(preprocessing.resize(stripes))[:, 2:-2]
        if name == "nearest":
            assert set(np.unique(middle)) <= {0, 255}
        else:
            assert np.abs(middle.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "HSV"])
@pytest.mark.parametrize("color", ["grayscale", "rgb", "bgr", "rgba"])
def test_every_kind_of_image_becomes_every_kind_of_input(mode: str, color: str) -> None:
    grey = Image.fromarray(np.linspace(0, 255, 600).reshape(20, 30).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "I":
        image = Image.fromarray(np.asarray(grey).astype(np.int32) * 257)
    else:
        image = grey.convert("RGB").convert(mode) if mode in ("CMYK", "HSV", "YCbCr") else grey.convert(mode)
    channels = {"grayscale": 1, "rgb": 3, "bgr": 3, "rgba": 4}[color]
    preprocessing = configured(InputSpec(channels, 20, 30), color_mode=color, normalization={"mean": 0, "std": 1})
    found = preprocessing(image)
    assert found.shape == (channels, 20, 30)
    expected = torch.from_numpy(np.asarray(grey).astype(np.float32)) / 255
    if mode != "1":
        assert float((found[0] - expected).abs().max()) < 0.02
    if channels == 4:
        assert (found[3] == 1).all()


def test_palette_with_transparency_gives_its_colours_without_a_warning() -> None:
    image = picture(30, 20).quantize(8)
    image.info["transparency"] = bytes([0, 128, 255])
    found = configured(InputSpec(3, 20, 30), normalization={"mean": 0, "std": 1})(image)
    expected = np.asarray(image.convert("RGBA").convert("RGB")).transpose(2, 0, 1) / 255
    assert np.allclose(found.numpy(), expected)


def test_bgr_is_rgb_reversed_with_its_imagenet_values() -> None:
    found, other = configured(color_mode="bgr")(picture()), configured(color_mode="rgb")(picture())
    torch.testing.assert_close(found, other.flip(0))


def test_colours_that_cannot_be_converted_are_an_unreadable_image() -> None:
    with pytest.raises(UnreadableImageError, match="La"):
        configured()(Image.new("La", (4, 4)))


@pytest.mark.parametrize(
    ("size", "section", "mean", "std"),
    [
        (RGB, {}, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (RGB, {"rescaling": {"scale": "1/255.0"}}, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (RGB, {"rescaling": {"scale": "1/127.5", "offset": -1}}, (0.0,) * 3, (1.0,) * 3),
        (InputSpec(1, 8, 8), {}, (0.0,), (1.0,)),
        (InputSpec(1, 8, 8), {"normalization": {"mean": 0.1307, "std": 0.3081}}, (0.1307,), (0.3081,)),
        (RGB, {"normalization": {"mean": [0.5, 0.4, 0.3]}}, (0.5, 0.4, 0.3), (0.229, 0.224, 0.225)),
        (RGB, {"rescaling": {"scale": 1}, "normalization": {"mean": 127, "std": 128}}, (127.0,) * 3, (128.0,) * 3),
    ],
)
def test_normalisation_by_default_and_by_hand(
    size: InputSpec, section: dict[str, Any], mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    preprocessing = configured(size, **section)
    assert (preprocessing.mean, preprocessing.std) == (mean, std)


def test_other_use_cases_can_do_without_imagenet_values() -> None:
    preprocessing = ImagePreprocessing.from_config(PreprocessingSection(), RGB, imagenet_default=False)
    assert (preprocessing.mean, preprocessing.std) == ((0.0,) * 3, (1.0,) * 3)


def test_value_range_holds_exactly_for_black_and_white() -> None:
    preprocessing = configured(normalization={"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]})
    black, white = (preprocessing(Image.new("RGB", (9, 9), name)) for name in ("black", "white"))
    for channel, (low, high) in enumerate(preprocessing.value_range()):
        assert float(black[channel].min()) == pytest.approx(low)
        assert float(white[channel].max()) == pytest.approx(high)


def test_description_in_a_model_file_gives_the_same_object() -> None:
    preprocessing = configured(resizing={"interpolation": "bicubic", "aspect_ratio": "padding"}, color_mode="bgr")
    described = json.loads(json.dumps(preprocessing.to_metadata()))
    assert ImagePreprocessing.from_metadata(described) == preprocessing
    del described["scale"]
    with pytest.raises(UserError, match="scale"):
        ImagePreprocessing.from_metadata(described)


@pytest.mark.parametrize(
    ("size", "section", "told"),
    [
        (InputSpec(1, 8, 8), {"color_mode": "rgb"}, "color_mode is rgb .3 channels., but the model's input is 1x8x8"),
        (InputSpec(5, 8, 8), {}, "5 channels cannot be fed with images"),
        (RGB, {"normalization": {"mean": [1, 2]}}, "mean has 2 values, but the model takes 3"),
    ],
)
def test_contradictions_are_told(size: InputSpec, section: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        configured(size, **section)
