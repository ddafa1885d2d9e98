"""Own the running of a graph piece by piece on a few images, so that early layers can change before later ones run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from zoo_core.export.onnx_file import describe_graph
from zoo_core.export.runtime import open_runtime
from zoo_core.inference.session import as_model_input
from zoo_core.quantization.correction.wiring import DEQUANTIZE, Wiring, read_tensors, wire

Values = Mapping[str, npt.NDArray[Any]]
"""Tensor name -> value, with the batch axis."""


class StepwiseModel:
    """Run a model up to some tensors and later on from there; a change of the model counts for what was not passed.

    What later pieces need lies in a folder, one file per tensor, 8-bit activations as 8 bits; memory holds one image
    at a time. Nothing is fused or simplified.
    """

    def __init__(self, model: onnx.ModelProto, images: Iterable[npt.NDArray[np.float32]], folder: Path) -> None:
        self._model = model
        self._folder = folder
        self._passed: set[str] = set()
        self._forms: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._stored: dict[str, Path] = {}
        self._files = 0
        info = describe_graph(model, Path("model"))
        folder.mkdir(parents=True, exist_ok=True)
        self._count = 0
        for image in images:
            self._append(info.inputs[0].name, as_model_input(info, np.repeat(image, info.batch or 1, axis=0)))
            self._count += 1

    def __len__(self) -> int:
        """Return the number of images."""
        return self._count

    def values(self, tensors: Sequence[str]) -> Iterator[Values]:
        """Yield the values of tensors for each image; nothing counts as passed by that.

        Raises:
            ValueError: When a tensor lies before what was passed.
        """
        yield from self._run(self._nodes_to(tensors, wire(self._model.graph)), tensors)

    def pass_over(self, tensors: Sequence[str]) -> None:
        """Compute everything up to some tensors once and for all.

        Raises:
            ValueError: When a tensor lies before what was passed.
        """
        wiring = wire(self._model.graph)
        nodes = self._nodes_to(tensors, wiring)
        self._passed |= {_key(node) for node in nodes if node.op_type != DEQUANTIZE}
        needed = self._needed(wiring)
        fresh = sorted(needed - self._stored.keys())
        before = dict(self._stored)
        for values in self._run(nodes, fresh) if fresh else ():
            for name in fresh:
                self._append(name, values[name])
        for name in before.keys() - needed:
            self._stored.pop(name).unlink()

    def _needed(self, wiring: Wiring) -> set[str]:
        """Return the tensors that nodes not passed so far take from those passed.

        A dequantization is never passed: it costs little, and its input takes a quarter of the space.
        """
        names = set(wiring.outputs)
        for node in self._model.graph.node:
            if node.op_type != DEQUANTIZE and _key(node) not in self._passed:
                names.update(read_tensors(node))
        needed = {_skip_dequantize(name, wiring) for name in names}
        return {
            name
            for name in needed
            if name in self._stored or (name in wiring.producers and _key(wiring.producers[name]) in self._passed)
        }

    def _nodes_to(self, tensors: Sequence[str], wiring: Wiring) -> list[onnx.NodeProto]:
        """Return the nodes, in order, between what is stored and some tensors."""
        gone = [name for name in tensors if name not in self._stored and name not in wiring.producers]
        if gone:
            msg = f"{gone[0]} was passed and is gone"
            raise ValueError(msg)
        found: set[str] = set()
        waiting = [name for name in tensors if name not in self._stored]
        while waiting:
            node = wiring.producers.get(waiting.pop())
            if node is None or _key(node) in found:
                continue
            if _key(node) in self._passed:
                msg = f"{_key(node)} was passed and is gone"
                raise ValueError(msg)
            found.add(_key(node))
            waiting.extend(name for name in read_tensors(node) if name not in self._stored)
        return [node for node in self._model.graph.node if _key(node) in found]

    def _run(self, nodes: Sequence[onnx.NodeProto], tensors: Sequence[str]) -> Iterator[Values]:
        made = {name for node in nodes for name in node.output}
        computed = [name for name in dict.fromkeys(tensors) if name in made]
        read = {name for node in nodes for name in read_tensors(node)} & self._stored.keys()
        session = self._open(nodes, sorted(read), computed) if computed else None
        for number in range(self._count):
            stored = {name: self._load(name, number) for name in {*read, *(set(tensors) - made)}}
            found = session.run(computed, {name: stored[name] for name in read}) if session else []
            yield {**stored, **{name: np.asarray(value) for name, value in zip(computed, found, strict=True)}}

    def _open(self, nodes: Sequence[onnx.NodeProto], inputs: Sequence[str], outputs: Sequence[str]) -> Any:
        used = {name for node in nodes for name in read_tensors(node)}
        graph = helper.make_graph(
            nodes,
            "piece",
            [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(self._forms[name][0]), None)
                for name in inputs
            ],
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [tensor for tensor in self._model.graph.initializer if tensor.name in used],
        )
        piece = helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
        return open_runtime(piece.SerializeToString(), optimised=False)

    def _append(self, tensor: str, value: npt.NDArray[Any]) -> None:
        """Store the value of a tensor for the next image."""
        if tensor not in self._stored:
            self._stored[tensor] = self._folder / f"{self._files}.raw"
            self._forms[tensor] = value.dtype, value.shape
            self._files += 1
        if value.shape != self._forms[tensor][1]:
            msg = f"{tensor} changes its shape from image to image"
            raise ValueError(msg)
        with self._stored[tensor].open("ab") as file:
            file.write(value.tobytes())

    def _load(self, tensor: str, image: int) -> npt.NDArray[Any]:
        kind, shape = self._forms[tensor]
        count = int(np.prod(shape))
        offset = image * count * kind.itemsize
        return np.fromfile(self._stored[tensor], kind, count, offset=offset).reshape(shape)


def _key(node: onnx.NodeProto) -> str:
    return str(next(name for name in node.output if name))


def _skip_dequantize(tensor: str, wiring: Wiring) -> str:
    node = wiring.producers.get(tensor)
    while node is not None and node.op_type == DEQUANTIZE:
        tensor = node.input[0]
        node = wiring.producers.get(tensor)
    return tensor
