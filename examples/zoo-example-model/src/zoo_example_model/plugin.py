"""Own the hooks of zoo-example-model; imports nothing heavy."""

from collections.abc import Iterator

from zoo_core import InputSpec, LazyRef, ModelSpec, hookimpl

zoo_api = 1


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Declare the model."""
    yield ModelSpec(
        name="example_model",
        task="classification",
        summary="Three convolutions that halve the image, and one linear layer.",
        licence="Apache-2.0",
        input=InputSpec(3, 32, 32),
        build=LazyRef("zoo_example_model.model:build"),
        config=LazyRef("zoo_example_model.config:NetworkSection"),
    )
