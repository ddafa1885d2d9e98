"""Own the network binary graph that STM32MP2 boards take: made on the cloud once for each model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_core.artifacts import hash_file
from zoo_core.errors import RunStoreError
from zoo_core.runs.files import disk_errors, read_json, write_json

if TYPE_CHECKING:
    from zoo_core.protocols import Progress
    from zoo_stm32.cloud import CloudClient

SERIES: Final = "STM32MP2"
RECORD: Final = "conversion.json"
JOB: Final = "cloud_job.json"


def binary_graph(client: CloudClient, model: Path, folder: Path, progress: Progress) -> Path:
    """Return a model as a network binary graph, `<model>.nb` in the folder; one made before is taken again.

    Raises:
        CloudError: When the service or the job fails; an interrupted job goes on in the next run.
    """
    graph = folder / f"{model.stem}.nb"
    origin = hash_file(model)
    if graph.is_file() and _recorded(folder) == (origin, hash_file(graph)):
        return graph
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    client.generate_nbg(model, folder / JOB, progress, target=graph)
    write_json(folder / RECORD, {"model": origin, "graph": hash_file(graph)})
    return graph


def _recorded(folder: Path) -> tuple[object, object]:
    try:
        found = read_json(folder / RECORD)
    except RunStoreError:
        return None, None
    return found.get("model"), found.get("graph")
