"""Own the process that computes with ST's own `stm_ai_runner` package; runs beside zoo, started as a file.

Written for the package of ST Edge AI Core 2.x to 4.x. It says in one line of JSON which tensors there are, then takes
the bytes of the inputs and gives those of the outputs, each with its length in 8 bytes before it.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any

LENGTH = struct.Struct("<Q")


def serve(workspace: str) -> int:
    """Load the library in a workspace and compute until the input ends."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the package prints goes to the log
    source = sys.stdin.buffer
    from stm_ai_runner import AiRunner  # type: ignore[import-not-found] # comes with ST Edge AI Core

    runner = AiRunner()
    if not runner.connect(workspace):
        sys.stderr.write(f"stm_ai_runner cannot load the library in {workspace}: {runner.get_error()}\n")
        return 1
    described = {"inputs": runner.get_input_infos(), "outputs": runner.get_output_infos()}
    names = {key: [_describe(entry) for entry in entries] for key, entries in described.items()}
    sink.write((json.dumps({**names, "name": runner.get_info().get("name", "network")}) + "\n").encode())
    sink.flush()
    while _compute(runner, names["inputs"], source, sink):
        pass
    return 0


def _compute(runner: Any, inputs: list[dict[str, Any]], source: Any, sink: Any) -> bool:
    import numpy as np

    arrays = []
    for entry in inputs:
        head = source.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return False
        data = source.read(LENGTH.unpack(head)[0])
        arrays.append(np.frombuffer(data, entry["type"]).reshape(entry["shape"]))
    outputs, _ = runner.invoke(arrays)
    for output in outputs:
        data = np.ascontiguousarray(output).tobytes()
        sink.write(LENGTH.pack(len(data)) + data)
    sink.flush()
    return True


def _describe(entry: Any) -> dict[str, Any]:
    import numpy as np

    scale, zero_point = entry.get("scale"), entry.get("zero_point")
    return {
        "name": str(entry.get("name", "")),
        "type": np.dtype(entry["type"]).name,
        "shape": [int(size) for size in entry["shape"]],
        "scale": 0.0 if scale is None else float(np.ravel(scale)[0]),
        "zero_point": 0 if zero_point is None else int(np.ravel(zero_point)[0]),
    }


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
