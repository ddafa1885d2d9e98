"""Own the sharing of storage: views take no copy, and layers overwrite inputs that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zoo_stm32.lowering.operators import DOMAIN, MICROSOFT, SOFTMAX, TABLE_LOOKUP
from zoo_stm32.network.graph import Graph, Node
from zoo_stm32.network.kernels import is_copy

IN_PLACE = {
    "": ("Add", "Sub", "Mul", "Div", "Relu", "Clip", "Sigmoid", "HardSigmoid", "LeakyRelu", "Tanh", "Neg", "Abs"),
    MICROSOFT: ("QLinearAdd", "QLinearMul", "QLinearLeakyRelu", "QLinearSigmoid"),
    DOMAIN: (TABLE_LOOKUP, SOFTMAX),
}
"""Operators whose kernels read an element for the last time before they write the element at the same place."""


@dataclass(slots=True)
class Storage:
    """Describe bytes that one or several tensors live in."""

    name: str
    size: int
    place: str
    """`arena`, `inputs` or `outputs`."""
    position: int
    """Index among inputs or outputs."""
    first: int
    last: int
    tensors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sharing:
    """State where each tensor lives and which layers need not run."""

    storages: tuple[Storage, ...]
    of_tensor: dict[str, Storage]
    dropped: frozenset[int]
    """Indices of the layers that only were views."""


def share_storage(graph: Graph) -> Sharing:
    """Give every tensor a storage, as few as the lifetimes allow."""
    planner = _Planner(graph)
    for node in graph.nodes:
        planner.visit(node)
    return Sharing(tuple(planner.unique()), planner.of_tensor, frozenset(planner.dropped))


class _Planner:
    """Walk through the graph once and remember what lives where."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._last = _last_uses(graph)
        self.of_tensor: dict[str, Storage] = {}
        self.dropped: set[int] = set()
        for position, name in enumerate(graph.inputs):
            self._open(name, "inputs", position, -1)

    def visit(self, node: Node) -> None:
        """Place the outputs of a layer."""
        if is_copy(node) and self._join(node.outputs[0], self.of_tensor.get(node.inputs[0])):
            self.dropped.add(node.index)
            return
        outputs = [name for name in node.outputs if name]
        if len(outputs) == 1 and self._join(outputs[0], self._overwritable(node)):
            return
        for name in outputs:
            position = self._output_position(name)
            self._open(name, "arena" if position < 0 else "outputs", max(position, 0), node.index)

    def unique(self) -> Iterator[Storage]:
        """Yield every storage once, in the order of first use."""
        seen: set[int] = set()
        for storage in self.of_tensor.values():
            if id(storage) not in seen:
                seen.add(id(storage))
                yield storage

    def _open(self, name: str, place: str, position: int, step: int) -> None:
        tensor = self._graph.tensors[name]
        storage = Storage(name, tensor.bytes, place, position, step, self._last.get(name, step), [name])
        self.of_tensor[name] = storage

    def _output_position(self, name: str) -> int:
        return self._graph.outputs.index(name) if name in self._graph.outputs else -1

    def _join(self, name: str, storage: Storage | None) -> bool:
        """Let a tensor live where another does, when nothing speaks against it."""
        if storage is None or self._graph.tensors[name].bytes != storage.size:
            return False
        position = self._output_position(name)
        if position >= 0:
            if storage.place != "arena":
                return False
            storage.place, storage.position = "outputs", position
        storage.tensors.append(name)
        storage.last = max(storage.last, self._last.get(name, storage.last))
        self.of_tensor[name] = storage
        return True

    def _overwritable(self, node: Node) -> Storage | None:
        """Return the storage of an input that a layer may write its output over."""
        if node.op_type not in IN_PLACE.get(node.domain, ()):
            return None
        tensors, output = self._graph.tensors, node.outputs[0]
        given = [name for name in node.inputs if name in self.of_tensor]
        for name in given:
            storage = self.of_tensor[name]
            same = tensors[name].shape == tensors[output].shape and tensors[name].bytes == tensors[output].bytes
            rest = [other for other in given if other != name and self.of_tensor[other] is storage]
            if same and storage.place == "arena" and storage.last <= node.index and not rest:
                return storage
        return None


def _last_uses(graph: Graph) -> dict[str, int]:
    last = {name: node.index for node in graph.nodes for name in node.inputs if name}
    return last | dict.fromkeys(graph.outputs, len(graph.nodes))
