"""Own how pictures get into a page: as data in the page itself, none of them large."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LARGEST_BYTES = 40_000
"""Files beyond are made smaller where Pillow is installed, and left out otherwise."""
SIDE_PIXELS = 320
QUALITY = 80
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Hold one picture and what it shows."""

    source: str
    """Address that holds the picture itself."""
    caption: str


def data_address(path: Path) -> str | None:
    """Return a picture as a `data:` address; nothing when it cannot be read or is too large."""
    kind = KINDS.get(path.suffix.lower())
    try:
        content = path.read_bytes() if kind else b""
    except OSError:
        return None
    if len(content) > LARGEST_BYTES:
        kind, content = "image/jpeg", _smaller(content)
    if not content:
        return None
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def pictures(root: Path, paths: Sequence[str], most: int) -> tuple[Picture, ...]:
    """Return the first pictures among some files of a run.

    Args:
        root: Folder of the run.
        paths: Files, relative to it.
        most: How many to return.
    """
    found: list[Picture] = []
    for path in paths:
        if len(found) == most:
            break
        if (source := data_address(root / path)) is not None:
            found.append(Picture(source=source, caption=Path(path).name))
    return tuple(found)


def _smaller(content: bytes) -> bytes:
    with suppress(Exception):  # no Pillow, or no picture: the page goes without it
        from PIL import Image

        stream = io.BytesIO()
        with Image.open(io.BytesIO(content)) as image:
            small = image.convert("RGB")
        small.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
        small.save(stream, format="JPEG", quality=QUALITY)
        return stream.getvalue()
    return b""
