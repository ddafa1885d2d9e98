"""Own the check, made before any code is generated, that every operator of a graph can become C."""

from __future__ import annotations

from collections.abc import Iterable

from zoo_core.errors import MissingError, UserError
from zoo_stm32.lowering.operators import MICROSOFT
from zoo_stm32.network.graph import Graph, Node
from zoo_stm32.network.kernels import is_own

ADVICE = {
    "Gelu": "use another activation, such as relu or hard_swish",
    "Erf": "use another activation than GELU, such as relu or hard_swish",
    "Mish": "use another activation, such as relu or hard_swish",
    "NonMaxSuppression": "export the model without its post-processing; the host or the application does it",
    "QLinearConvTranspose": "keep it in floating point: name it in quantization.onnx_quant_parameters.nodes_to_exclude",
    "If": "export the model without branches",
    "Loop": "export the model without loops",
    "Scan": "export the model without loops",
}
DEFAULT_ADVICE = (
    "replace the operator in the model, or, if it only fails quantized, keep it in floating point with "
    "quantization.onnx_quant_parameters.nodes_to_exclude"
)


def check_operators(graph: Graph) -> None:
    """Refuse a graph with operators that cannot become C, all of them in one message.

    Raises:
        UserError: With every such operator, its layer and what would help.
        MissingError: When emx-onnx-cgen is not installed.
    """
    foreign = [node for node in graph.nodes if not is_own(node)]
    known = _known_operators() if foreign else frozenset()
    refused = [node for node in foreign if not _supported(node, known)]
    if refused:
        raise refusal(refused)


def refusal(nodes: Iterable[Node]) -> UserError:
    """Return the error that names layers whose operators cannot become C and says what would help."""
    lines = [
        f"  {full_name(node)} in the layer '{node.name}': {ADVICE.get(node.op_type, DEFAULT_ADVICE)}." for node in nodes
    ]
    return UserError(
        "\n".join(["The network has operators that cannot be turned into C:", *lines]),
        hint="Nothing was built. Targets that do not build firmware on this machine may accept the model as it is.",
    )


def full_name(node: Node) -> str:
    """Return an operator as `domain.Name`, the domain only where it is not ONNX's own."""
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def _supported(node: Node, known: frozenset[str]) -> bool:
    branches = any(attribute.HasField("g") or attribute.graphs for attribute in node.proto.attribute)
    return node.domain in ("", MICROSOFT) and node.op_type in known and not branches


def _known_operators() -> frozenset[str]:
    try:
        from emx_onnx_cgen.lowering import load_lowering_registry
        from emx_onnx_cgen.lowering.registry import get_lowering_registry
    except ImportError as error:
        msg = "emx-onnx-cgen, which turns networks into C, is not installed or not usable."
        raise MissingError(msg, hint='Install it with: pip install "emx-onnx-cgen>=1.4,<2"') from error
    load_lowering_registry()
    return frozenset(get_lowering_registry())
