"""Own the requests that start a job on the farm: a benchmark, or a conversion for the NPU of STM32MP2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from zoo_stm32.cloud.bodies import json_body
from zoo_stm32.cloud.errors import CloudCause, CloudError
from zoo_stm32.cloud.jobs import identifier_of
from zoo_stm32.cloud.session import Session
from zoo_stm32.cloud.transport import Request

DEFINITION: Final = (
    "paths", "/benchmark/{queue}", "post", "requestBody", "content", "application/json", "schema", "properties",
)  # fmt: skip
TEXT_FORM: Final = frozenset({"model", "args"})
NO_DEFINITION: Final = (CloudCause.NOT_FOUND, CloudCause.MALFORMED, CloudCause.SCHEMA)


def start_benchmark(session: Session, board: str, model: str, fields: Mapping[str, Any], *, processor: bool) -> str:
    """Start a benchmark and return its identifier.

    Raises:
        CloudError: When the service does not start one.
    """
    what = "the start of the benchmark"
    route = f"{session.routes.benchmark}/benchmark{'/mpu' if processor else ''}/{quote(board.lower(), safe='')}"
    content = {"model": model, "args": json.dumps(fields)} if _takes_text(session) else {**fields, "model": model}
    reply = session.send(Request(method="POST", url=route, what=what, body=json_body(content)))
    return identifier_of(session.read_object(reply, what), "benchmarkId", "benchmark")


def start_conversion(session: Session, model: str) -> str:
    """Start the conversion of a model to a network binary graph and return its identifier.

    Raises:
        CloudError: When the service does not start one.
    """
    what = "the start of the conversion"
    body = json_body({"model": model})
    reply = session.send(Request(method="POST", url=f"{session.routes.nbg}/optimize", what=what, body=body))
    return identifier_of(session.read_object(reply, what), "runtimeId", "conversion")


def _takes_text(session: Session) -> bool:
    """Tell whether the service wants the options as one text, as older ones did, from its own description."""
    what = "the description of the benchmark service"
    try:
        reply = session.send(
            Request(method="GET", url=f"{session.routes.benchmark}/api", what=what, repeatable=True, attempts=2)
        )
        value = session.read(reply, what)
    except CloudError as error:
        if error.cause not in NO_DEFINITION:
            raise
        return False
    for name in DEFINITION:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, dict) and value.keys() == TEXT_FORM
