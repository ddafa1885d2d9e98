"""Own the rules between keys: the model a mode needs, the data its services read, options that would do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from zoo_core.config.places import Places
from zoo_core.config.sections import DatasetSection, ModelSection, QuantizationSection
from zoo_core.config.training_rules import idle_options
from zoo_core.config.training_sections import TrainingSection
from zoo_core.errors import ConfigIssue
from zoo_core.protocols import PREDICTION, QUANTIZATION, TEST, TRAIN, VALIDATION

WEIGHT_SUFFIXES = (".pt", ".pth", ".tar", ".ckpt")
SPLITS_OF_LETTER = {"t": (TRAIN, VALIDATION), "e": (TEST,), "q": (QUANTIZATION,), "p": (PREDICTION,)}


def broken_rules(sections: Mapping[str, BaseModel], letters: str, places: Places) -> Iterator[ConfigIssue]:
    """Return an issue per rule that the checked sections break; a section that failed its own check breaks none."""
    model, dataset, training = (sections.get(name) for name in ("model", "dataset", "training"))
    if isinstance(model, ModelSection) and letters:
        yield from _model_rules(model, letters, places)
    if isinstance(training, TrainingSection) and "t" in letters:
        yield from _training_rules(training, places)
        if isinstance(model, ModelSection):
            yield from _first_weights(model, training, places)
    if isinstance(dataset, DatasetSection):
        quantization = sections.get("quantization")
        judged = "q" in letters and isinstance(quantization, QuantizationSection) and quantization.judged
        yield from _dataset_rules(dataset, f"{letters}e" if judged else letters, places)


def _model_rules(model: ModelSection, letters: str, places: Places) -> Iterator[ConfigIssue]:
    has_file = model.model_path is not None or model.model_url is not None
    if "t" in letters:
        if model.model_name is None:
            hint = "Set it to one of: zoo list models"
            yield places.issue("model.model_name", "training needs the name of a model", hint)
    elif not has_file and not (model.model_name and model.pretrained):
        hint = "Set model.model_path to a .pt or .onnx file, or model.model_name together with pretrained: True"
        yield places.issue("model.model_path", "the operation mode needs a model that is trained already", hint)
    if model.pretrained and model.pretrained_model_path is not None:
        message = "pretrained and pretrained_model_path both say where the first weights come from"
        yield places.issue("model.pretrained_model_path", message, "Keep one of them")


def _training_rules(training: TrainingSection, places: Places) -> Iterator[ConfigIssue]:
    for idle in idle_options(training):
        yield places.issue(f"training.{idle.key}", idle.message, idle.hint)
    path = training.trained_model_path
    if path is not None and path.suffix not in WEIGHT_SUFFIXES:
        message = f"torch weights are written there, and {path.name} ends in {path.suffix or 'nothing'}"
        hint = f"Expected one of {', '.join(WEIGHT_SUFFIXES)}"
        yield places.issue("training.trained_model_path", message, hint)


def _first_weights(model: ModelSection, training: TrainingSection, places: Places) -> Iterator[ConfigIssue]:
    """Refuse two sources of the weights that a training starts from.

    A resumed training may keep `pretrained` and `pretrained_model_path`, because its file is to be used as it was.
    """
    own = "model_url" if model.model_url is not None else "model_path" if model.model_path is not None else None
    if own is None:
        return
    rivals = {
        "training.resume_training_from": training.resume_training_from is not None,
        "model.pretrained_model_path": model.pretrained_model_path is not None,
        "model.pretrained": model.pretrained,
    }
    for key, rivalling in rivals.items():
        if rivalling:
            message = f"{places.moves.written(f'model.{own}')} and this key both say where the first weights come from"
            yield places.issue(key, message, "Keep one of them")


def _dataset_rules(dataset: DatasetSection, letters: str, places: Places) -> Iterator[ConfigIssue]:
    splits = dict.fromkeys(split for letter in letters for split in SPLITS_OF_LETTER.get(letter, ()))
    for text in dataset.missing_for(splits):
        yield places.issue("dataset", text)
    names, count = dataset.class_names, dataset.num_classes
    if names is not None and count is not None and len(names) != count:
        yield places.issue("dataset.num_classes", f"it is {count}, but class_names holds {len(names)} names")
    if names is not None and len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        yield places.issue("dataset.class_names", f"{', '.join(twice)} stands twice")
