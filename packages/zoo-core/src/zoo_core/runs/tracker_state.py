"""Own `trackers/<name>.json`: how far a tracker was told of a run, and what it needs to go on with the same record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo_core.errors import RunStoreError
from zoo_core.runs.files import read_json, write_text

FOLDER = "trackers"
SENT = "sent"


class TrackerState:
    """Remember plain values of one tracker in the folder of a run, such as the number of its record; no secrets."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self.path = run_dir / FOLDER / f"{name}.json"
        self._values = self._read()

    @property
    def sent(self) -> int:
        """Return the number of events of the run that the tracker has taken."""
        self._values = self._read()
        found = self._values.get(SENT, 0)
        return found if isinstance(found, int) else 0

    def get(self, key: str) -> str | None:
        """Return a text the tracker has kept, nothing when there is none."""
        found = self._values.get(key)
        return found if isinstance(found, str) else None

    def update(self, **values: Any) -> None:
        """Keep values beside those that somebody else has kept since.

        Raises:
            RunStoreError: When the disk refuses.
        """
        self._values = {**self._read(), **values}
        write_text(self.path, f"{json.dumps(self._values, indent=2)}\n", durable=False)

    def forget(self) -> None:
        """Start anew, as if the tracker had never been told of the run."""
        self._values = {}
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            return read_json(self.path) if self.path.exists() else {}
        except RunStoreError:  # a damaged note only makes the tracker start anew
            return {}
