"""Own the fetching of files by URL: into a cache, resumed after an interruption, checked by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from zoo_core.artifacts import hash_file
from zoo_core.errors import MissingError, UserError
from zoo_core.protocols import Progress

CACHE_VARIABLE = "ZOO_CACHE"
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 18
SCHEMES = ("http", "https")
PARTIAL = 206
NOT_SATISFIABLE = 416


def cache_dir() -> Path:
    """Return the folder for fetched files: `ZOO_CACHE`, else `zoo` in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "zoo"


def cached_path(url: str, folder: Path | None = None) -> Path:
    """Return where the file of a URL is kept; different URLs never share a place."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "file"
    key = hashlib.sha256(url.encode()).hexdigest()[:12]
    return (folder or cache_dir()) / "downloads" / key / name


def download(url: str, *, progress: Progress, sha256: str | None = None, folder: Path | None = None) -> Path:
    """Return the local copy of a file, fetching it when it is not there or is damaged.

    An interrupted download goes on where it stopped. A file put at the place by hand is taken as it is.

    Raises:
        UserError: When the URL is not http(s).
        MissingError: When the file cannot be fetched or has another hash; the message says where to put it by hand.
    """
    if urlsplit(url).scheme not in SCHEMES:
        raise UserError(f"{url} is no http or https address.")
    path = cached_path(url, folder)
    if path.exists() and (sha256 is None or _hash(path, progress) == sha256):
        return path
    partial = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, partial, progress)
    except (urllib.error.URLError, OSError) as error:
        raise MissingError(f"{url} cannot be downloaded: {_reason(error)}.", hint=_by_hand(path)) from error
    found = sha256 and _hash(partial, progress)
    if found != sha256:
        partial.unlink()
        raise MissingError(
            f"{url} has another content than expected: SHA-256 {found}, expected {sha256}.", hint=_by_hand(path)
        )
    partial.replace(path)
    return path


def _hash(path: Path, progress: Progress) -> str:
    with progress.track(f"Checking {path.name}", None):
        return hash_file(path)


def record_hash(path: Path) -> None:
    """Remember the hash of a file whose publisher states none; a hash that is remembered already stays."""
    record = _record_of(path)
    if not record.exists():
        record.write_text(f"{hash_file(path)}\n", encoding="ascii")


def check_recorded_hash(path: Path) -> None:
    """Refuse a file that is not what it was when its hash was recorded; one that was never recorded passes.

    Raises:
        MissingError: When the file has changed since; the message says how to accept or to replace it.
    """
    record = _record_of(path)
    if not record.exists():
        return
    expected, found = record.read_text(encoding="ascii").strip(), hash_file(path)
    if found != expected:
        raise MissingError(
            f"{path} has changed since it was first used: SHA-256 {found}, recorded {expected}.",
            hint=f"Delete it to fetch it again, or delete {record} to accept it as it is.",
        )


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _fetch(url: str, partial: Path, progress: Progress) -> None:
    start = partial.stat().st_size if partial.exists() else 0
    headers = {"User-Agent": "zoo"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != NOT_SATISFIABLE:
            raise
        partial.unlink()
        _fetch(url, partial, progress)
        return
    with response:
        go_on = start > 0 and response.status == PARTIAL
        _write(response, partial, progress, "ab" if go_on else "wb", start if go_on else 0)


def _write(response: Any, partial: Path, progress: Progress, mode: str, start: int) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    _refuse_full_disk(partial, total)
    done = start
    with partial.open(mode) as stream, progress.track(f"Downloading {partial.stem}", total) as bar:
        bar.advance(start)
        while chunk := response.read(CHUNK_BYTES):
            stream.write(chunk)
            done += len(chunk)
            bar.advance(len(chunk))
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes; the next attempt goes on from there")


def _refuse_full_disk(partial: Path, total: int | None) -> None:
    free = shutil.disk_usage(partial.parent).free
    if total is not None and total > free:
        raise OSError(f"the file has {total} bytes and the disk has {free} free")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error)


def _by_hand(path: Path) -> str:
    return f"Fetch it by other means and put it at {path}; it is then used from there."
