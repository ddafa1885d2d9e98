"""Own the removal of reshapes that do nothing, alone or one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoo_stm32.lowering.writer import GraphWriter


def drop_views(writer: GraphWriter, shapes: Mapping[str, tuple[int, ...]], outputs: Sequence[str]) -> None:
    """Let each Reshape read what stands before other reshapes, and drop those that keep the shape."""
    sources: dict[str, str] = {}
    same: dict[str, str] = {}
    for node in writer.nodes:
        for index, name in enumerate(node.input):
            node.input[index] = same.get(name, name)
        if node.op_type != "Reshape":
            continue
        first = sources.get(node.input[0], node.input[0])
        node.input[0] = sources[node.output[0]] = first
        if shapes[first] == shapes[node.output[0]] and node.output[0] not in outputs:
            same[node.output[0]] = first
    writer.prune(outputs)
