"""Own the keys that the `model` section takes for example_model."""

from typing import Annotated

from pydantic import Field
from zoo_core.config.sections import ModelSection


class NetworkSection(ModelSection):
    """Choose the size of the network."""

    width: Annotated[int, Field(ge=4, le=128)] = 16
    """Channels of the first convolution; the second has twice, the third four times as many."""
