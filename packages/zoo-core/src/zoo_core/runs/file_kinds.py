"""Own the kinds of files that runs write, as trackers and reports sort them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

MODEL, STATE, FIGURE, TABLE, TEXT, CODE, OTHER = "model", "state", "figure", "table", "text", "code", "other"
"""`state` is what a training goes on from: large, and of no use to anybody but the run itself."""
_KINDS = MappingProxyType(
    {
        MODEL: (".onnx", ".tflite", ".keras"),
        STATE: (".pt", ".pth", ".tar", ".ckpt"),
        FIGURE: (".png", ".jpg", ".jpeg", ".svg"),
        TABLE: (".csv", ".json", ".jsonl", ".parquet"),
        TEXT: (".txt", ".md", ".html", ".yaml", ".yml", ".log"),
        CODE: (".c", ".h", ".elf", ".map", ".bin", ".hex"),
    }
)


def kind_of(path: Path) -> str:
    """Return the kind of a file by its name; torch weights that no stage hands on count as `state`."""
    return next((kind for kind, suffixes in _KINDS.items() if path.suffix.lower() in suffixes), OTHER)
