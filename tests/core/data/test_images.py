from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo_core.data.images import list_images, read_image
from zoo_core.errors import DataError, UnreadableImageError


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    generator = np.random.default_rng(0)
    return Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)


def encoded(kind: str, image: Image.Image | None = None) -> bytes:
    stream = io.BytesIO()
    (image or picture()).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
def test_image_is_decoded_and_its_file_closed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(encoded(kind))
    handles = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208 - a count
    images = [read_image(path) for _ in range(20)]
    path.unlink()
    assert all(image.size == (40, 30) and np.asarray(image).std() > 0 for image in images)
    if handles:
        assert len(os.listdir("/proc/self/fd")) <= handles + 1  # noqa: PTH208 - a count


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_file_is_unreadable(tmp_path: Path, kind: str, share: float) -> None:
    whole = encoded(kind)
    path = tmp_path / "image"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnreadableImageError, match=str(path)):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "the file is empty"), (b"hello, I am text", "not an image"), (b"\x89PNG\r\n\x1a\n" + b"x" * 50, "")],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError) as caught:
        read_image(path)
    assert caught.value.path == str(path)
    assert cause in caught.value.cause


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(UnreadableImageError, match="a folder"):
        read_image(tmp_path)


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    path = tmp_path / "image"
    unreadable = 0
    for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"):
        whole = bytearray(encoded(kind))
        for _ in range(25):
            damaged = whole.copy()
            for place in generator.integers(0, len(whole), 20):
                damaged[place] = generator.integers(0, 256)
            path.write_bytes(damaged)
            try:
                read_image(path)
            except UnreadableImageError:
                unreadable += 1
    assert unreadable > 20


def test_orientation_of_a_photograph_is_applied(tmp_path: Path) -> None:
    image = picture(size=(40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, as phones write
    image.save(tmp_path / "a.png", exif=exif)
    found = read_image(tmp_path / "a.png")
    assert found.size == (20, 40)
    assert np.array_equal(np.asarray(found), np.rot90(np.asarray(image), -1))


def test_error_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(UnreadableImageError("a.png", "empty")))  # noqa: S301 - made here
    assert (error.path, error.cause) == ("a.png", "empty")


def test_images_of_a_folder_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "sub/c.jpeg", "sub/.hidden.png", ".git/d.png", "notes.txt", "e.tar.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "sub/c.jpeg"]
    assert [path.name for path in list_images(tmp_path, recursive=False)] == ["a.jpg", "b.PNG"]
    with pytest.raises(DataError, match="not a folder"):
        list_images(tmp_path / "a.jpg")
