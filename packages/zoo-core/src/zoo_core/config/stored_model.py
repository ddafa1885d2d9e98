"""Own what a file of weights says of its network, such as a width: it holds where the `model` section is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo_core.config.dialects.moves import look
from zoo_core.config.model_metadata import WEIGHT_SUFFIXES, read_metadata
from zoo_core.config.paths import absolute
from zoo_core.config.places import Places
from zoo_core.config.sections import ModelSection

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.specs import ModelSpec

PATH = "model.model_path"


def stored_keys(data: Mapping[str, Any], model: Resolved[ModelSpec], places: Places) -> dict[str, Any]:
    """Return the keys of a model's own that its weights were trained with and the configuration leaves at a default.

    Args:
        data: The canonical configuration.
        model: The chosen model.
        places: Where the keys were written.
    """
    fields = getattr(model.load(model.spec.config), "model_fields", {})
    own = set(fields) - set(ModelSection.model_fields)
    path = look(data, PATH)
    if not own or not isinstance(path, str) or not path.strip().endswith(WEIGHT_SUFFIXES):
        return {}
    stored = read_metadata(absolute(path.strip(), places.folder(PATH))).get("model")
    given = data.get("model")
    if not isinstance(stored, Mapping) or not isinstance(given, Mapping):
        return {}
    if stored.get("model_name") != model.spec.name:
        return {}
    found = {key: stored[key] for key in sorted(own) if stored.get(key) is not None and key not in given}
    return {key: value for key, value in found.items() if value != fields[key].default}
