"""Own the bodies of requests: forms, JSON and files, sent in pieces and never shown."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from zoo_core.errors import UserError
from zoo_stm32.cloud.secret import Secret

CHUNK_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Hold what a request sends; its parts never show in a message or a traceback."""

    content_type: str
    parts: tuple[bytes | Path, ...] = field(repr=False)
    length: int

    def chunks(self) -> Iterator[bytes]:
        """Return the bytes in pieces; each call starts anew, so that a request can be sent again."""
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
                continue
            with part.open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk


def json_body(value: Any) -> Body:
    """Return a body of JSON."""
    return _body("application/json", (json.dumps(value).encode(),))


def form_body(fields: Mapping[str, str | Secret]) -> Body:
    """Return a body of form fields."""
    return _body(
        "application/x-www-form-urlencoded",
        (urlencode({name: _revealed(value) for name, value in fields.items()}).encode(),),
    )


def multipart_body(fields: Mapping[str, str], files: Mapping[str, tuple[str, Path]]) -> Body:
    """Return a body of form fields and files; each file is a field with the name it takes there.

    Raises:
        UserError: When a file cannot be read.
    """
    boundary = f"zoo{secrets.token_hex(16)}"
    parts: list[bytes | Path] = []
    for name, value in fields.items():
        parts.append(_head(boundary, f'name="{name}"') + value.encode() + b"\r\n")
    for name, (filename, path) in files.items():
        disposition = f'name="{name}"; filename="{filename}"'
        parts.extend((_head(boundary, disposition, "application/octet-stream"), path, b"\r\n"))
    parts.append(f"--{boundary}--\r\n".encode())
    return _body(f"multipart/form-data; boundary={boundary}", tuple(parts))


def _body(content_type: str, parts: tuple[bytes | Path, ...]) -> Body:
    return Body(content_type=content_type, parts=parts, length=sum(_size(part) for part in parts))


def _head(boundary: str, disposition: str, content_type: str | None = None) -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode()


def _size(part: bytes | Path) -> int:
    if isinstance(part, bytes):
        return len(part)
    try:
        return part.stat().st_size
    except OSError as error:
        raise UserError(f"{part} cannot be read: {error.strerror}.") from None


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
