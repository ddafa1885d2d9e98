"""Functions that degrade or erase: by hand, against NumPy, and by counting."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image

from zoo_core.config.augmentation import OrderedFunctionsSection
from zoo_core.data.augmentation import OrderedFunctions


def functions(channels=3, **listed):
    return OrderedFunctions(OrderedFunctionsSection.model_validate(listed).functions, channels=channels)


def run(image, **listed):
    torch.manual_seed(0)
    return functions(len(image), **listed)(image)


@pytest.fixture
def image():
    return torch.rand(3, 10, 14, generator=torch.Generator().manual_seed(1))


# ---------------------------------------------------------------- blur


@pytest.mark.parametrize(
    ("padding", "mode"), [("reflect", "reflect"), ("symmetric", "symmetric"), ("constant", "constant")]
)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_blur_is_the_mean_of_the_square_around_each_pixel(image, padding, mode, size):
    keys = {"filter_size": [size, size], "padding": padding}
    values = {"constant_values": 0.25} if padding == "constant" else {}
    found = run(image, random_blur=keys | values)
    before, after = (size - 1) // 2, size // 2
    options = {"constant_values": 0.25} if mode == "constant" else {}
    padded = np.pad(image.numpy(), ((0, 0), (before, after), (before, after)), mode=mode, **options)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    assert np.allclose(found.numpy(), windows.mean((-2, -1)), atol=1e-5)


def test_blur_wider_than_the_image_still_reflects():
    image = torch.tensor([[[0.0, 1.0]]])
    found = run(image, random_blur={"filter_size": [5, 5], "padding": "symmetric"})
    padded = np.pad(image.numpy(), ((0, 0), (2, 2), (2, 2)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    assert np.allclose(found.numpy(), windows.mean((-2, -1)), atol=1e-6)


def test_blur_draws_every_size_of_its_range(image):
    step = functions(random_blur={"filter_size": [1, 3]})
    seen = {step(image).numpy().round(4).tobytes() for _ in range(60)}
    assert seen == {run(image, random_blur={"filter_size": size}).numpy().round(4).tobytes() for size in (1, 2, 3)}


# ---------------------------------------------------------------- noise, JPEG


def test_noise_has_the_stated_deviation_and_no_bias():
    noisy = run(torch.full((1, 200, 200), 0.5), random_gaussian_noise={"stddev": [0.05, 0.05]})
    assert noisy.std().item() == pytest.approx(0.05, rel=0.03)
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.001)


def test_noise_of_every_image_has_a_deviation_of_its_own():
    step = functions(1, random_gaussian_noise={"stddev": [0.0, 0.1]})
    deviations = [step(torch.full((1, 60, 60), 0.5)).std().item() for _ in range(60)]
    assert min(deviations) < 0.02
    assert max(deviations) > 0.08


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_a_file_of_that_quality_holds(channels):
    image = torch.randint(256, (channels, 32, 40), generator=torch.Generator().manual_seed(2)) / 255
    stream = io.BytesIO()
    to_pil_image((image * 255).round().to(torch.uint8)).save(stream, "JPEG", quality=20)
    wanted = pil_to_tensor(Image.open(stream)) / 255
    assert torch.equal(run(image, random_jpeg_quality={"jpeg_quality": 20}), wanted)


def test_lower_jpeg_quality_is_further_from_the_image():
    image = torch.linspace(0, 1, 32)[None, :, None] * torch.linspace(1, 0, 40)[None, None, :]
    distances = [
        (run(image, random_jpeg_quality={"jpeg_quality": quality}) - image).abs().mean().item()
        for quality in (95, 50, 0)
    ]
    assert distances == sorted(distances)
    assert distances[0] < 0.02


# ---------------------------------------------------------------- erasing


def erased_of(found, image):
    return (found != image).any(0)


@pytest.mark.parametrize("area", [0.05, 0.2, 0.3])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0])
def test_rectangle_has_the_stated_area_and_proportion(area, ratio):
    image = torch.ones(3, 400, 400)
    found = run(image, random_rectangle_erasing={"area": area, "wh_ratio": ratio, "fill_method": "uniform"})
    rows, columns = erased_of(found, image).nonzero(as_tuple=True)
    height, width = (int(axis.max() - axis.min()) + 1 for axis in (rows, columns))
    assert len(rows) == height * width
    assert len(rows) / image[0].numel() == pytest.approx(area, rel=0.02)
    assert width / height == pytest.approx(ratio, rel=0.02)


def test_rectangle_that_would_not_fit_keeps_its_area():
    image = torch.ones(1, 16, 64)
    found = run(image, random_rectangle_erasing={"area": 0.5, "wh_ratio": 0.3, "fill_method": "uniform"})
    assert erased_of(found, image).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_rectangles_are_drawn_by_number_and_place():
    image = torch.ones(1, 64, 64)
    step = functions(
        1, random_rectangle_erasing={"nrec": [0, 2], "area": 0.01, "wh_ratio": 1, "fill_method": "uniform"}
    )
    sizes, touched = set(), torch.zeros(64, 64, dtype=torch.bool)
    for _ in range(600):
        mask = erased_of(step(image), image)
        sizes.add(round(mask.sum().item() / 36))
        touched |= mask
    assert sizes >= {0, 1, 2}
    assert touched.float().mean() > 0.95
    assert all(edge.any() for edge in (touched[0], touched[-1], touched[:, 0], touched[:, -1]))


def test_fill_methods_differ():
    image = torch.full((3, 40, 40), 0.5)
    keys = {"area": 0.25, "wh_ratio": 1}
    plain = run(image, random_rectangle_erasing=keys | {"fill_method": "uniform", "color": [255, 0, 51]})
    mask = erased_of(plain, image)
    assert torch.allclose(plain[:, mask], torch.tensor([1.0, 0.0, 0.2])[:, None])
    black = run(image, random_rectangle_erasing=keys | {"fill_method": "uniform"})
    assert (black[:, erased_of(black, image)] == 0).all()
    one_colour = run(image, random_rectangle_erasing=keys)
    assert len(one_colour[:, erased_of(one_colour, image)].unique(dim=1).T) == 1
    mosaic = run(image, random_rectangle_erasing=keys | {"fill_method": "mosaic"})
    assert len(mosaic[:, erased_of(mosaic, image)].unique(dim=1).T) > 300


def test_each_rectangle_has_a_random_colour_of_its_own():
    image = torch.full((3, 64, 64), 0.5)
    found = run(image, random_rectangle_erasing={"nrec": 3, "area": 0.02, "wh_ratio": 1})
    assert len(found[:, erased_of(found, image)].unique(dim=1).T) == 3


def test_grid_cells_are_erased_whole_with_the_stated_probability():
    image = torch.ones(1, 30, 40)
    step = functions(1, random_grid_cell_erasing={"ncells_x": 4, "ncells_y": 3, "erasing_prob": 0.3})
    shares = torch.zeros(3, 4)
    for _ in range(300):
        cells = step(image)[0].unflatten(1, (4, 10)).unflatten(0, (3, 10)).movedim(1, 2).flatten(2)
        assert ((cells.amin(-1) == 1) | (cells.amax(-1) == 0)).all()
        shares += cells[..., 0] == 0
    assert shares.mean().item() / 300 == pytest.approx(0.3, abs=0.03)


def test_grid_that_does_not_divide_the_image_covers_all_of_it():
    image = torch.ones(1, 7, 11)
    assert run(image, random_grid_cell_erasing={"ncells_x": 4, "ncells_y": 3, "erasing_prob": 1}).max() == 0


def test_images_are_not_changed_in_place(image):
    before = image.clone()
    run(
        image,
        random_rectangle_erasing={},
        random_grid_cell_erasing={"erasing_prob": 1},
        random_invert={"change_rate": 1},
    )
    assert torch.equal(image, before)
