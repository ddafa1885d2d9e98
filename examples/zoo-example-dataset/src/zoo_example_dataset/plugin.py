"""Own the hooks of zoo-example-dataset; imports nothing heavy."""

from collections.abc import Iterator

from zoo_core import DatasetSpec, LazyRef, hookimpl

zoo_api = 1


@hookimpl
def zoo_datasets() -> Iterator[DatasetSpec]:
    """Declare the data set."""
    yield DatasetSpec(
        name="example_dataset",
        task="classification",
        summary="Images and their classes, listed in one CSV file for each split.",
        build=LazyRef("zoo_example_dataset.data:build"),
        config=LazyRef("zoo_example_dataset.config:ListedImagesSection"),
    )
