"""Own the hooks of zoo-example-quantizer; imports nothing heavy."""

from collections.abc import Iterator

from zoo_core import LazyRef, QuantizerSpec, hookimpl

zoo_api = 1


@hookimpl
def zoo_quantizers() -> Iterator[QuantizerSpec]:
    """Declare the quantizer."""
    yield QuantizerSpec(
        name="example_quantizer",
        summary="Static quantization to int8 by onnxruntime; the ends of the network may stay in float.",
        build=LazyRef("zoo_example_quantizer.quantizer:build", extra="zoo-core[onnx]"),
        config=LazyRef("zoo_example_quantizer.config:FloatEndsSection"),
    )
