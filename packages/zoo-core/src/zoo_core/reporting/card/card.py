"""Own the card as a whole: what is verified before it is written, and the order of its parts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo_core.artifacts import Checkpoint
from zoo_core.errors import UserError
from zoo_core.reporting.card.figures import boards_section, results_section
from zoo_core.reporting.card.front_matter import as_yaml, front_matter
from zoo_core.reporting.card.making import limits_section, making_section, versions_section
from zoo_core.reporting.card.markdown import code, escape, pairs, section, table
from zoo_core.reporting.card.paths import Places
from zoo_core.reporting.card.subject import Subject, find_subject
from zoo_core.reporting.card.verification import VerifiedFile, verify_files
from zoo_core.reporting.metric_text import metric_text
from zoo_core.runs.store import RunRecord

LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
MOST_CLASSES = 200
"""Names of classes that a card lists."""
KINDS = {
    "checkpoint": "torch weights",
    "float_onnx": "float ONNX model",
    "quantized_onnx": "quantized ONNX model",
    "firmware": "firmware",
}
GIVEN = {"float": "float model, given", "int8": "quantized model, given"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Hold a card and what it was made of."""

    text: str
    """Markdown with its front matter, ending in a line break."""
    front_matter: Mapping[str, Any]
    files: tuple[VerifiedFile, ...]


def make_card(record: RunRecord, *, license_id: str | None = None, code_licence: str = "") -> Card:
    """Return the card of a run, after every file that it made or measured was hashed again.

    Args:
        record: A finished run.
        license_id: Licence of the model, as an identifier of SPDX or of a hub.
        code_licence: Licence of the code of the network, as its plugin states it.

    Raises:
        UserError: When the run is not finished or has no model, when a file is absent or has another content than the
            run measured, or when the licence is no identifier.
    """
    if license_id is not None and not LICENCE.fullmatch(license_id):
        msg = f"{license_id!r} is no identifier of a licence."
        raise UserError(msg, hint="Write it as SPDX does, such as apache-2.0, mit or bsd-3-clause; or: other")
    files = verify_files(record)
    places = Places(record)
    subject = find_subject(record, files)
    data = front_matter(record, subject, None if license_id is None else license_id.lower())
    parts = [
        as_yaml(data),
        _title(subject),
        _model(subject, code_licence),
        results_section(record, subject),
        boards_section(record, places),
        making_section(record, places),
        _use(subject),
        _files(subject),
        limits_section(record, places),
        versions_section(record),
    ]
    return Card(text="\n\n".join(part for part in parts if part) + "\n", front_matter=data, files=files)


def _title(subject: Subject) -> str:
    precision = "quantized (int8)" if subject.quantized else "float"
    of = f" of the project {escape(subject.project)}" if subject.project else ""
    data = f", data set {escape(subject.dataset)}" if subject.dataset else ""
    use_case = f" for {escape(subject.use_case)}" if subject.use_case else ""
    return f"# {escape(subject.name)}\n\nA {precision} model{use_case}{of}{data}, made with zoo."


def _model(subject: Subject, code_licence: str) -> str:
    classes = [escape(name) for name in subject.class_names[:MOST_CLASSES]]
    more = ", ..." if len(subject.class_names) > MOST_CLASSES else ""
    names = f"{len(subject.class_names)}: {', '.join(classes)}{more}" if classes else ""
    return section(
        "Model",
        pairs([
            ("use case", escape(subject.use_case)),
            ("network", escape(subject.architecture)),
            ("licence of the network's code", escape(code_licence)),
            ("input", f"{escape(subject.input)} (channels, height, width)" if subject.input else ""),
            ("parameters", "" if subject.parameters is None else f"{subject.parameters:,}"),
            ("keypoints" if _finds_keypoints(subject) else "classes", names),
            *((f"ONNX {way}", code(tensor)) for way, tensor in subject.tensors),
            ("preprocessing", _described(subject.metadata.get("preprocessing"))),
            ("outputs", _described(subject.metadata.get("decoding"), without=("keypoint_names",))),
        ]),
    )  # fmt: skip


def _finds_keypoints(subject: Subject) -> bool:
    decoding = subject.metadata.get("decoding")
    return isinstance(decoding, Mapping) and "keypoint_names" in decoding


def _described(data: Any, without: tuple[str, ...] = ()) -> str:
    if not isinstance(data, Mapping):
        return ""
    return "; ".join(
        f"{escape(name.replace('_', ' '))}: {escape(value if isinstance(value, str) else json.dumps(value))}"
        for name, value in data.items()
        if name not in without
    )


def _use(subject: Subject) -> str:
    """Say how the main file is run again; a file of zoo says itself how its images are prepared."""
    name = subject.main.path.name
    weights = subject.main.kind == Checkpoint.kind
    if not subject.metadata and not weights:
        values = f"operation_mode=prediction model.model_path={name} dataset.prediction_path=images"
        told = "The file does not say how its images are prepared; the configuration of the run does:"
        return section("Use", told, f"```text\nzoo run resolved_config.yaml {values}\n```")
    model = {"model_name": subject.architecture, "model_path": name} if weights else {"model_path": name}
    config = {"operation_mode": "prediction", "model": model, "dataset": {"prediction_path": "images"}}
    if weights:
        config = {"use_case": subject.use_case, **config}
    import yaml

    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return section(
        "Use",
        "Write this file beside the model, with a folder `images`, as `predict.yaml`:",
        f"```yaml\n{text}```",
        "```text\nzoo run predict.yaml\n```",
    )


def _files(subject: Subject) -> str:
    rows = [
        (
            code(file.shown),
            KINDS.get(file.kind) or GIVEN.get(file.model, "model"),
            metric_text(float(file.size), "bytes"),
            code(file.sha256),
            escape(", ".join(dict.fromkeys(file.measured_by))) or "-",
        )
        for file in subject.files
    ]
    told = "Each file was hashed when this card was written, and is the one that was made and measured."
    return section("Files", told, table(("file", "what", "size", "SHA-256", "measured by"), rows, right=("size",)))
