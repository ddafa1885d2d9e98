"""Own the files on the service: models under the hash of their content, and what the service made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote, urlsplit

from zoo_core.errors import UserError
from zoo_core.protocols import Progress, ProgressTask
from zoo_stm32.cloud.bodies import Body, multipart_body
from zoo_stm32.cloud.errors import ChangedServiceError, CloudCause, CloudError
from zoo_stm32.cloud.session import Session
from zoo_stm32.cloud.storage import sha256_of, write_bytes
from zoo_stm32.cloud.transport import LARGEST_FILE, Request

HASH_DIGITS: Final = 32
MODEL_SUFFIXES: Final = (".onnx", ".tflite", ".h5", ".keras", ".nb")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteModel:
    """Name a model on the service."""

    name: str
    """Name on the service, made from the content, so that another model never stands under it."""
    sha256: str
    origin: str
    """Name of the file it came from."""


@dataclass(frozen=True, slots=True)
class _CountedBody(Body):
    """Move a progress bar on while its bytes are sent."""

    task: ProgressTask

    def chunks(self) -> Iterator[bytes]:
        for chunk in Body.chunks(self):
            self.task.advance(len(chunk))
            yield chunk


def upload(session: Session, model: Path, progress: Progress) -> RemoteModel:
    """Send a model to the service, unless the same content is there already.

    Raises:
        UserError: When the file cannot be read or has no format that the service takes.
        CloudError: When the service does not take it.
    """
    if model.suffix.lower() not in MODEL_SUFFIXES:
        raise UserError(
            f"The Developer Cloud takes no {model.suffix or 'file without a suffix'}: {model}.",
            hint=f"It takes {', '.join(MODEL_SUFFIXES)}.",
        )
    digest = sha256_of(model)
    remote = RemoteModel(name=f"zoo_{digest[:HASH_DIGITS]}{model.suffix.lower()}", sha256=digest, origin=model.name)
    if remote.name in _names(session):
        return remote
    body = multipart_body({}, {"file": (remote.name, model)})
    with progress.track("Upload to the Developer Cloud", body.length) as task:
        counted = _CountedBody(content_type=body.content_type, parts=body.parts, length=body.length, task=task)
        _send_model(session, counted)
    return remote


def download_model(session: Session, name: str, target: Path, progress: Progress) -> Path:
    """Save a model that lies on the service.

    Raises:
        CloudError: When it does not arrive whole.
        UserError: When it cannot be written.
    """
    write_bytes(target, _fetch(session, f"{_models(session)}/{quote(name, safe='')}", name, progress), name)
    return target


def fetch_generated(session: Session, url: str, progress: Progress) -> bytes:
    """Return an archive that the service generated; only the name in its address is used.

    Raises:
        CloudError: When it does not arrive whole.
    """
    name = PurePosixPath(urlsplit(url).path).name
    address = f"{session.routes.files}/files/generated/{quote(name, safe='')}"
    return _fetch(session, address, "the generated code", progress)


def _fetch(session: Session, url: str, what: str, progress: Progress) -> bytes:
    request = Request(
        method="GET", url=url, what=what, repeatable=True, limit=session.limits.transfer, largest=LARGEST_FILE
    )
    with progress.track(f"Download of {what}", None) as task:
        content = session.send(request).body
        task.advance(1)
    if not content:
        raise CloudError(
            f"The Developer Cloud sent an empty file for {what}.", cause=CloudCause.DAMAGED, hint="Run again."
        )
    return content


def _send_model(session: Session, body: Body) -> None:
    what = "the upload of the model"
    request = Request(
        method="POST", url=_models(session), what=what, body=body, repeatable=True, limit=session.limits.transfer
    )
    answer = session.read_object(session.send(request), what)
    if answer.get("upload") is not True:
        said = session.shown(str(answer.get("message") or answer.get("error") or "it gives no reason"))
        raise CloudError(
            f"The Developer Cloud did not take the model: {said}",
            cause=CloudCause.REJECTED,
            hint="Delete models you no longer need on the web page of the service, or look at the size of this one.",
        )


def _names(session: Session) -> frozenset[str]:
    what = "the list of models"
    reply = session.send(Request(method="GET", url=_models(session), what=what, repeatable=True))
    listed = session.read(reply, what)
    if not isinstance(listed, list):
        raise ChangedServiceError(f"Developer Cloud ({session.routes.host}), {what}: a list was expected.")
    return frozenset(str(entry["name"]) for entry in listed if isinstance(entry, dict) and "name" in entry)


def _models(session: Session) -> str:
    return f"{session.routes.files}/files/models"
