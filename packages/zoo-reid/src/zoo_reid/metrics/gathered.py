"""Own what an evaluation keeps of every picture: its embedding, its label, and whether the identity head was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from zoo_core.errors import UserError
from zoo_reid.labels import BOTH, GALLERY, QUERY, PersonLabel
from zoo_reid.metrics.features import Features

LOGITS = 2
"""Place of the answers of the identity head among the outputs of a model that has one."""
DIGEST = 8


@dataclass(frozen=True, slots=True)
class Gathered:
    """Hold what is kept of N pictures."""

    vectors: npt.NDArray[np.float32]
    """Embeddings, shape (N, D)."""
    labels: tuple[PersonLabel, ...]
    judged: int = 0
    """Pictures of persons that the identity head knows."""
    right: int = 0
    """Those of them that it names rightly."""
    places: npt.NDArray[np.int64] | None = None
    """Place of each picture in the order in which they were taken, shape (N,); as they stand when absent."""

    @property
    def taken(self) -> npt.NDArray[np.int64]:
        """Return the place of each picture in the order in which they were taken, shape (N,)."""
        return np.arange(len(self.labels)) if self.places is None else self.places

    @classmethod
    def of(cls, outputs: Sequence[npt.NDArray[np.float32]], labels: Sequence[PersonLabel]) -> Gathered:
        """Return what is kept of the outputs of a model for N pictures.

        Raises:
            UserError: When there is not one embedding for every picture.
        """
        shapes = [np.shape(output) for output in outputs]
        if not shapes or shapes[0][:1] != (len(labels),) or not np.prod(shapes[0][1:]):
            msg = f"The model gives outputs of shapes {shapes} for {len(labels)} pictures."
            raise UserError(msg, hint="Expected is one embedding for every picture as the first output.")
        vectors = np.array(outputs[0], dtype=np.float32).reshape(len(labels), -1)
        known = np.array([label.number for label in labels], dtype=np.int64)
        if len(outputs) <= LOGITS or not (known >= 0).any():
            return cls(vectors, tuple(labels))
        logits = np.asarray(outputs[LOGITS]).reshape(len(labels), -1)
        right = (logits.argmax(axis=1) == known) & np.isfinite(logits).all(axis=1)
        return cls(vectors, tuple(labels), int(np.count_nonzero(known >= 0)), int(np.count_nonzero(right)))

    @classmethod
    def union(cls, parts: Sequence[Gathered]) -> Gathered:
        """Return several as one.

        Raises:
            UserError: When their embeddings differ in length.
        """
        filled = [part for part in parts if part.labels]
        sizes = {part.vectors.shape[1] for part in filled}
        if len(sizes) > 1:
            msg = f"The model gives embeddings of different lengths: {sorted(sizes)}."
            raise UserError(msg, hint="Use a model whose embeddings have the same length for every picture.")
        empty = np.zeros((0, max(sizes, default=0)), dtype=np.float32)
        starts = np.cumsum([0, *(len(part.labels) for part in filled)])
        places = [part.taken + start for part, start in zip(filled, starts, strict=False)]
        return cls(
            np.concatenate([empty, *(part.vectors for part in filled)]),
            tuple(label for part in filled for label in part.labels),
            sum(part.judged for part in filled),
            sum(part.right for part in filled),
            np.concatenate([np.zeros(0, dtype=np.int64), *places]),
        )

    def ordered(self) -> Gathered:
        """Return the pictures ordered by label and embedding, whichever process saw them."""
        keys = [
            (label.identity, label.camera, label.role, blake2b(vector.tobytes(), digest_size=DIGEST).digest())
            for label, vector in zip(self.labels, self.vectors, strict=True)
        ]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        labels = tuple(self.labels[place] for place in order)
        return Gathered(self.vectors[order], labels, self.judged, self.right, self.taken[order])


@dataclass(frozen=True, slots=True)
class Search:
    """Hold the two sides of a search."""

    query: Features
    gallery: Features
    names: tuple[str, ...]
    """Names of the persons by their numbers in `identities`."""
    same_set: bool
    """Whether query and gallery are the same pictures, each searched for among all others."""

    @classmethod
    def of(cls, gathered: Gathered) -> Search:
        """Divide pictures by their parts in the search."""
        names = tuple(sorted({label.identity for label in gathered.labels}))
        numbers = {name: number for number, name in enumerate(names)}
        identities = np.array([numbers[label.identity] for label in gathered.labels], dtype=np.int64)
        cameras = np.array([label.camera for label in gathered.labels], dtype=np.int64)

        def side(part: str) -> Features:
            places = [place for place, label in enumerate(gathered.labels) if label.role in {part, BOTH}]
            chosen = np.array(places, dtype=np.int64)
            return Features(gathered.vectors[chosen], identities[chosen], cameras[chosen], chosen)

        if all(label.role == BOTH for label in gathered.labels):
            pictures = Features(gathered.vectors, identities, cameras)
            return cls(pictures, pictures, names, same_set=True)
        return cls(side(QUERY), side(GALLERY), names, same_set=False)
