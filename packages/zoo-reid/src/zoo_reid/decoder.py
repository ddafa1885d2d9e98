"""Own the answers of a search: which pictures of the gallery are nearest to each query, and the picture of that.

All pictures of the gallery are ranked, also those by the camera of the query: a prediction shows what the model finds,
while an evaluation may leave such pictures out. A picture is never found by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_core.errors import DataError, UserError
from zoo_reid.config.prediction import ReidPredictionSection
from zoo_reid.labels import GALLERY, QUERY, UNKNOWN, PersonLabel
from zoo_reid.metrics.distances import nearest
from zoo_reid.metrics.matches import EXCLUDE, KEEP
from zoo_reid.names import EMBEDDING
from zoo_reid.strips import Tile, draw_strip

if TYPE_CHECKING:
    from zoo_reid.evaluator import ReidEvaluator

DECIMALS = 6
SHOWN_DECIMALS = 4
NOBODY = "unknown person"
FEW = 3
"""Pictures of the gallery beside each example of an evaluation."""
_CHECK_FILES = "The log names every file that cannot be read; dataset.{key} must hold pictures that can."


class ReidDecoder:
    """Gather embeddings of shape (N, D), then rank the gallery for every query."""

    def __init__(
        self,
        section: ReidPredictionSection | None = None,
        *,
        features: int,
        normalized: bool = False,
        same_camera: str = KEEP,
    ) -> None:
        """Take the size D of the embeddings, and whether the model brings them to length 1 itself.

        With `same_camera="exclude"` pictures of the person searched for by the camera of the query are not found.
        """
        self.section = section or ReidPredictionSection()
        self.features = features
        self.normalized = normalized
        self.same_camera = same_camera
        self._vectors: list[npt.NDArray[np.float32]] = []
        self._names: list[str] = []
        self._labels: list[PersonLabel] = []

    def decode(
        self, outputs: Sequence[npt.NDArray[np.float32]], sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        """Return the embedding of each image as the model gives it.

        Raises:
            UserError: When a model gives numbers that are not finite.
        """
        rows = as_embeddings(outputs)
        rounded = [[round(value, DECIMALS) for value in row] for row in rows.tolist()]
        return [{EMBEDDING: row} for row, _ in zip(rounded, sizes, strict=True)]

    def draw(self, image: Image.Image, record: Mapping[str, Any]) -> Image.Image:
        """Return a copy of the image with the number of values and the length of its embedding below it."""
        row = np.asarray(record[EMBEDDING], np.float64)
        length = round(float(np.linalg.norm(row)), SHOWN_DECIMALS)
        return draw_strip(Tile(image=image, caption=(f"{len(row)} values", f"length {length}")), ())

    def describe(self) -> dict[str, Any]:
        """Return the description of the output for an exported model."""
        return {
            "type": EMBEDDING,
            "family": EMBEDDING,
            "features": self.features,
            "normalized": self.normalized,
        }

    def gather(
        self,
        outputs: Sequence[npt.NDArray[np.float32]],
        names: Sequence[str],
        targets: Sequence[PersonLabel],
        sizes: Sequence[tuple[int, int]],
    ) -> None:
        """Take the embeddings of one batch with the names and labels of its N images.

        Raises:
            UserError: When a model gives numbers that are not finite.
        """
        for row, name, label in zip(as_embeddings(outputs), names, targets, strict=True):
            self._vectors.append(row)
            self._names.append(name)
            self._labels.append(label)

    def records(self) -> list[dict[str, Any]]:
        """Return the answer for each query: identity and distance of the nearest picture, and the ranked matches.

        Raises:
            DataError: When no query or no picture of the gallery could be read, or there is nothing else to search.
        """
        queries = [place for place, label in enumerate(self._labels) if label.role != GALLERY]
        gallery = [place for place, label in enumerate(self._labels) if label.role != QUERY]
        self._check(queries, gallery)
        found, distances = self._search(queries, gallery)
        records = [
            self._record(query, [gallery[index] for index in row], row_distances)
            for query, row, row_distances in zip(queries, found.tolist(), distances.tolist(), strict=True)
        ]
        if not any(record["matches"] for record in records):
            raise DataError(
                "The gallery holds nothing but the queries themselves, one picture each.",
                hint="Give other pictures as dataset.prediction_gallery_path.",
            )
        return records

    def draw_record(self, record: Mapping[str, Any], read: Callable[[str], Image.Image]) -> Image.Image:
        """Return the query and its matches from left to right, framed by whether they show the same person."""
        name = record["image"]
        query = Tile(image=read(name), caption=(Path(name).name, record["true_identity"] or NOBODY))
        return draw_strip(query, [_tile(match, read) for match in record["matches"]])

    def sentence(self, record: Mapping[str, Any], target: PersonLabel) -> str:
        """Return who was found first, how near, and who it is."""
        found = f"found {record['identity'] or NOBODY} first (distance {record['distance']:.2f})"
        return f"{found}, which is right" if record["right"] else f"{found}, is {target.identity or NOBODY}"

    def as_judged(self, evaluator: ReidEvaluator) -> ReidDecoder:
        """Return a decoder that searches by the rules of an evaluation, and shows the nearest few."""
        rules = evaluator.section
        changes = {"reid_distance_metric": rules.reid_distance_metric, "ranks": min(self.section.ranks, FEW)}
        return ReidDecoder(
            self.section.model_copy(update=changes),
            features=self.features,
            normalized=self.normalized,
            same_camera=rules.same_camera,
        )

    def _check(self, queries: Sequence[int], gallery: Sequence[int]) -> None:
        if not queries:
            raise DataError("None of the queries could be read.", hint=_CHECK_FILES.format(key="prediction_query_path"))
        if not gallery:
            raise DataError(
                "None of the pictures of the gallery could be read.",
                hint=_CHECK_FILES.format(key="prediction_gallery_path"),
            )

    def _search(
        self, queries: Sequence[int], gallery: Sequence[int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return places in the gallery and distances, both of shape (Q, k), with room for what is left out."""
        copies = Counter(self._names[place] for place in gallery)
        views = Counter(self._view(place) for place in gallery)
        room = max(copies[self._names[place]] + self._excludes(place) * views[self._view(place)] for place in queries)
        count = min(self.section.ranks + room, len(gallery))
        metric = self.section.reid_distance_metric
        return nearest(self._rows(queries), self._rows(gallery), count, distance=metric)

    def _view(self, place: int) -> tuple[str, int]:
        return self._labels[place].identity, self._labels[place].camera

    def _excludes(self, query: int) -> bool:
        """Tell whether pictures of the person by the same camera are not found; unknown cameras are never the same."""
        return self.same_camera == EXCLUDE and self._labels[query].camera != UNKNOWN

    def _found(self, query: int, place: int) -> bool:
        """Tell whether a picture of the gallery can be found for a query."""
        left_out = self._excludes(query) and self._view(place) == self._view(query)
        return self._names[place] != self._names[query] and not left_out

    def _rows(self, places: Sequence[int]) -> npt.NDArray[np.float32]:
        return np.stack([self._vectors[place] for place in places])

    def _record(self, query: int, found: Sequence[int], distances: Sequence[float]) -> dict[str, Any]:
        name, truth = self._names[query], self._labels[query].identity or None
        matches = [
            self._match(place, distance, truth)
            for place, distance in zip(found, distances, strict=True)
            if self._found(query, place)
        ][: self.section.ranks]
        best = matches[0] if matches else {"identity": None, "distance": None, "right": None}
        return {
            "image": name,
            "identity": best["identity"],
            "distance": best["distance"],
            "true_identity": truth,
            "right": best["right"],
            "matches": matches,
        }

    def _match(self, place: int, distance: float, truth: str | None) -> dict[str, Any]:
        label = self._labels[place]
        identity = label.identity or None
        return {
            "image": self._names[place],
            "identity": identity,
            "camera": None if label.camera == UNKNOWN else label.camera,
            "distance": round(distance, DECIMALS),
            "right": None if truth is None or identity is None else identity == truth,
        }


def as_embeddings(outputs: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return a copy of the first output as an array of shape (N, D).

    Raises:
        UserError: When some of its numbers are not finite.
    """
    rows = np.array(outputs[0], np.float32)
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise UserError(
            "The model gives embeddings with numbers that are not finite.",
            hint="Train it again with a smaller learning rate, or give another model.model_path.",
        )
    return rows


def _tile(match: Mapping[str, Any], read: Callable[[str], Image.Image]) -> Tile:
    caption = (f"{match['distance']:.{SHOWN_DECIMALS}f}", match["identity"] or NOBODY)
    return Tile(image=read(match["image"]), caption=caption, right=match["right"])
