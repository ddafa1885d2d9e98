"""Own what a search works on: the embeddings of pictures, and who was seen by which camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MATRIX = 2


@dataclass(frozen=True, slots=True)
class Features:
    """Hold N pictures as a search sees them."""

    vectors: npt.NDArray[np.float32]
    """Embeddings of any length, shape (N, D)."""
    identities: npt.NDArray[np.int64]
    """Numbers of the persons, shape (N,); equal for the same person in query and gallery."""
    cameras: npt.NDArray[np.int64]
    """Numbers of the cameras, shape (N,); -1 where unknown."""
    pictures: npt.NDArray[np.int64] | None = None
    """Numbers of the pictures, shape (N,), where some are in query and gallery: none is searched for itself."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together.

        Raises:
            ValueError: When the lengths differ or the vectors are no matrix.
        """
        shape = self.vectors.shape
        others = [array.shape for array in (self.identities, self.cameras, self.pictures) if array is not None]
        if len(shape) != MATRIX or any(other != shape[:1] for other in others):
            msg = f"expected vectors of shape (N, D) and other arrays of shape (N,), found {shape} and {others}"
            raise ValueError(msg)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.vectors)
