"""Own the examples of an evaluation: pictures of what a model got wrong and right, with the truth beside them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact
from zoo_core.protocols import Decoder, GatheringDecoder, ImageDataset, JudgesImages, KeepsOutputs, Sample
from zoo_core.runs.files import disk_errors, write_json
from zoo_core.services.context import RunContext
from zoo_core.services.measuring import Measurement, outputs_of
from zoo_core.services.targets import HOST, opened

if TYPE_CHECKING:
    from PIL.Image import Image

SCHEMA_VERSION = 1
FILE, FOLDER = "examples.json", "examples"
EACH = 8
"""Largest number of wrong ones, and of right ones."""
SIDE = 320
"""Longest side of a picture in pixels."""
IMAGE_SIDE = 288
"""Longer side to which an image is brought before something is drawn on it, with room for writing beside it."""
TINY = 2
"""Factor of enlargement from which on pixels stay visible as such."""
QUALITY = 85

Shown = tuple["Image", "Image | None", str]
"""Picture of a prediction, that of the truth where there is one, and a sentence about both."""
Draw = Callable[[int], Shown]
"""Place of an image -> what is shown of it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Hold one image that is shown."""

    place: int
    """Among the images that the evaluator took."""
    score: float
    right: bool


def choose_examples(scores: Sequence[float], right: Sequence[bool]) -> list[Judged]:
    """Return the worst of the wrong images, worst first, then right ones evenly spread; at most 8 of each.

    Images whose score is `nan` are neither. Among wrong ones of the same score those chosen are evenly spread too.
    """
    judged = [
        Judged(place, score, bool(answer))
        for place, (score, answer) in enumerate(zip(scores, right, strict=True))
        if not math.isnan(score)
    ]
    wrong = sorted((one for one in judged if not one.right), key=lambda one: one.score)
    if len(wrong) > EACH:
        last = wrong[EACH - 1].score
        worse = [one for one in wrong if one.score < last]
        wrong = worse + _spread([one for one in wrong if one.score == last], EACH - len(worse))
    return wrong + _spread([one for one in judged if one.right], EACH)


def write_examples(
    context: RunContext,
    model: Artifact,
    dataset: ImageDataset,
    measured: Measurement,
    *,
    folder: Path,
    about: Mapping[str, str],
) -> tuple[Path, ...]:
    """Write `examples.json` and its pictures, and return them; nothing where the evaluator does not judge images.

    Args:
        context: What the run is made of.
        model: What was evaluated; it computes the examples on this machine, wherever the evaluation ran.
        dataset: Split that was evaluated.
        measured: What the evaluation gave.
        folder: Where the file is written; pictures get a folder of their own in there.
        about: What the file says first: model and split.
    """
    evaluator = measured.evaluator
    if not isinstance(evaluator, JudgesImages):
        return ()
    scores, right = evaluator.image_scores(), evaluator.right_images()
    chosen = choose_examples(scores, right)
    pages = _Pages(dataset, measured.images)
    files: list[Path] = []
    entries: list[dict[str, Any]] = []
    with (
        context.progress.track("Drawing examples", len(chosen)) as bar,
        _drawing(context, model, measured, pages, [one.place for one in chosen]) as draw,
    ):
        if draw is None:
            return ()
        for number, one in enumerate(chosen, 1):
            picture, truth, text = draw(one.place)
            shown = _save(folder, f"{number:02d}_prediction.jpg", picture)
            beside = None if truth is None else _save(folder, f"{number:02d}_truth.jpg", truth)
            entries.append(
                {
                    "image": measured.images[one.place],
                    "score": one.score,
                    "right": one.right,
                    "picture": shown,
                    "truth": beside,
                    "text": text,
                }
            )
            files += [folder / name for name in (shown, beside) if name is not None]
            bar.advance()
    counted = [bool(answer) for score, answer in zip(scores, right, strict=True) if not math.isnan(score)]
    head = {"schema_version": SCHEMA_VERSION, **about, "images": len(counted), "right": sum(counted)}
    write_json(folder / FILE, {**head, "examples": entries})
    return (folder / FILE, *files)


def remove_examples(folder: Path) -> None:
    """Remove the examples of an evaluation that is done again, or whose examples came to no end."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / FILE).unlink(missing_ok=True)


class _Pages:
    """Give the images that were evaluated by their place or name."""

    def __init__(self, dataset: ImageDataset, names: Sequence[str]) -> None:
        self.names = names
        self._dataset = dataset
        self._indices = _indices(dataset, names)
        self._places = {name: place for place, name in enumerate(names)}

    def sample(self, place: int) -> Sample:
        return self._dataset[self._indices[place]]

    def read(self, name: str) -> Image:
        return self.sample(self._places[name]).image


def _indices(dataset: ImageDataset, names: Sequence[str]) -> list[int]:
    """Return the index of each image that was evaluated; those that could not be read are missing among the names.

    Raises:
        ValueError: When the names do not come in the order of the data set.
    """
    found: list[int] = []
    for index in range(len(dataset)):
        if len(found) < len(names) and dataset.name(index) == names[len(found)]:
            found.append(index)
    if len(found) < len(names):
        msg = f"{names[len(found)]} is not the name of a sample of the data set, or stands at another place"
        raise ValueError(msg)
    return found


@contextmanager
def _drawing(
    context: RunContext, model: Artifact, measured: Measurement, pages: _Pages, places: Sequence[int]
) -> Iterator[Draw | None]:
    """Give what draws the prediction of an image; nothing where that would need all outputs and none were kept."""
    decoder = context.task.decoder()
    as_judged = getattr(decoder, "as_judged", None)
    if callable(as_judged):
        decoder = as_judged(measured.evaluator)
    if isinstance(decoder, GatheringDecoder):
        yield _gathered(decoder, measured, pages, places)
        return
    with opened(context, HOST, model) as session:

        def draw(place: int) -> Shown:
            sample = pages.sample(place)
            images = context.task.preprocessing(sample.image)[None].numpy()
            outputs = outputs_of(session, images, mirrored=context.config.evaluation.tta > 0)
            image = _fitted(sample.image)
            (record,) = decoder.decode(outputs, [image.size])
            return decoder.draw(image, record), _truth(context.task, sample), _sentence(decoder, record, sample)

        yield draw


def _gathered(decoder: GatheringDecoder, measured: Measurement, pages: _Pages, chosen: Sequence[int]) -> Draw | None:
    """Return what draws the answers that follow from the outputs of the evaluation; they show the truth themselves."""
    if not isinstance(measured.evaluator, KeepsOutputs) or not chosen:
        return None
    places, outputs, targets = measured.evaluator.outputs_for(chosen)
    # sizes are those of the pictures that are shown; the others are not read
    sizes = {place: pages.sample(place).image.size for place in chosen}
    decoder.gather(
        outputs, [pages.names[place] for place in places], targets, [sizes.get(place, (0, 0)) for place in places]
    )
    records = {record["image"]: record for record in decoder.records()}

    def draw(place: int) -> Shown:
        record = records[pages.names[place]]
        return decoder.draw_record(record, pages.read), None, _sentence(decoder, record, pages.sample(place))

    return draw


def _sentence(decoder: Decoder, record: Mapping[str, Any], sample: Sample) -> str:
    say = getattr(decoder, "sentence", None)
    return str(say(record, sample.target)) if callable(say) else ""


def _truth(task: Any, sample: Sample) -> Image | None:
    """Return the input of the model with the labels drawn on it; nothing where the use case cannot draw them."""
    from zoo_core.data.preprocessing import ImagePreprocessing

    preprocessing, draw = task.preprocessing, getattr(task, "draw_target", None)
    if draw is None or not isinstance(preprocessing, ImagePreprocessing):
        return None
    return _fitted(draw(preprocessing.to_image(preprocessing(sample.image)), sample.target))


def _fitted(image: Image) -> Image:
    """Return an image in RGB and in the size in which it is shown."""
    from PIL.Image import Resampling

    from zoo_core.artifacts import InputSpec
    from zoo_core.data.preprocessing import ImagePreprocessing

    picture = ImagePreprocessing(input=InputSpec(3, 1, 1)).convert(image)
    factor = IMAGE_SIDE / max(picture.size)
    width, height = (max(1, round(factor * side)) for side in picture.size)
    return picture.resize((width, height), Resampling.NEAREST if factor >= TINY else Resampling.LANCZOS)


def _save(folder: Path, name: str, picture: Image) -> str:
    """Write a picture of limited size and return its path in the folder."""
    from PIL.Image import Resampling

    path = folder / FOLDER / name
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE), Resampling.LANCZOS)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        small.save(path, "JPEG", quality=QUALITY)
    return f"{FOLDER}/{name}"


def _spread(images: Sequence[Judged], count: int) -> list[Judged]:
    """Return some images, evenly spread over the order in which they come."""
    count = min(count, len(images))
    return [images[number * len(images) // count] for number in range(count)]
