"""Own how well true poses agree with the found ones chosen for them: similarity and distances of every keypoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_pose.metrics import pck
from zoo_pose.metrics.matching import NOTHING, most_similar, one_to_one
from zoo_pose.metrics.records import Tables
from zoo_pose.metrics.similarity import mean_of_labelled, similarity_terms

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """Hold the T true poses that are to be found, with K keypoints each."""

    terms: Floats
    """Shape (T, K): similarity of each keypoint; 0 where no pose was found."""
    distances: Floats
    """Shape (T, K): pixels of the original; infinite where no pose was found."""
    labelled: Mask
    """Shape (T, K)."""
    references: Floats
    """Shape (T,): pixels that distances are measured by."""
    images: Indices
    """Shape (T,): place of each pose's image among the records."""

    def __len__(self) -> int:
        """Return the number of true poses."""
        return len(self.terms)

    def similarity(self) -> float:
        """Return the mean similarity over the poses, 0 to 1; 0 without any."""
        return float(mean_of_labelled(self.terms, self.labelled).mean()) if len(self) else 0.0

    def similarity_by_image(self, images: int) -> Floats:
        """Return the mean similarity over the poses of each of a number of images; `nan` for images without any."""
        counts = np.bincount(self.images, minlength=images)
        totals = np.bincount(self.images, mean_of_labelled(self.terms, self.labelled), minlength=images)
        return np.asarray(np.divide(totals, counts, out=np.full(images, np.nan), where=counts > 0))

    def similarity_by_keypoint(self) -> Floats:
        """Return the mean similarity of each keypoint over the poses where it is labelled, shape (K,)."""
        return mean_of_labelled(self.terms.T, self.labelled.T)

    def right(self, threshold: float) -> Mask:
        """Tell which keypoints are at most `threshold` times the reference away, shape (T, K)."""
        return pck.right_keypoints(self.distances, self.references, threshold)


def agreement(tables: Tables, *, multiple: bool) -> Agreement:
    """Compare every true pose with the found one that belongs to it.

    Args:
        tables: What was gathered.
        multiple: Whether the model finds several poses, so that each found one belongs to one true pose at most.
            Otherwise the pose that was found is compared with every true pose of the image.
    """
    counted = np.flatnonzero(tables.true.counted)
    chosen = (one_to_one(tables) if multiple else most_similar(tables))[counted]
    met = chosen != NOTHING
    found, true = tables.found.points[chosen[met]], tables.true.points[counted[met]]
    terms = np.zeros((len(counted), tables.keypoints))
    lengths = np.full((len(counted), tables.keypoints), np.inf)
    terms[met] = similarity_terms(found, true, tables.true.areas[counted[met]], tables.sigmas)
    lengths[met] = pck.distances(found, true)
    return Agreement(
        terms=terms,
        distances=lengths,
        labelled=tables.true.labelled[counted],
        references=tables.true.references[counted],
        images=tables.true.images[counted],
    )
