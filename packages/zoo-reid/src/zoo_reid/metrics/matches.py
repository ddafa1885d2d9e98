"""Own which pictures of the gallery are right for a query, and which do not count for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_reid.metrics.features import Features

EXCLUDE, KEEP = "exclude", "keep"

Places = npt.NDArray[np.int64]


class Matches:
    """Find the pictures of the person searched for; all others of the gallery are wrong and count.

    With `same_camera="exclude"` pictures of the person by the camera of the query do not count, as on Market-1501
    (Zheng et al., "Scalable person re-identification: a benchmark", 2015); unknown cameras are never the same. With
    `same_set` query and gallery are the same pictures in the same order, and none is searched for itself.
    """

    def __init__(self, query: Features, gallery: Features, *, same_camera: str, same_set: bool) -> None:
        self._order = np.argsort(gallery.identities, kind="stable")
        persons = gallery.identities[self._order]
        self._starts = np.searchsorted(persons, query.identities, side="left")
        self._stops = np.searchsorted(persons, query.identities, side="right")
        self._query_cameras, self._gallery_cameras = query.cameras, gallery.cameras
        self._exclude = same_camera == EXCLUDE
        own, others = (
            (np.arange(len(query)), np.arange(len(gallery))) if same_set else (query.pictures, gallery.pictures)
        )
        self._pictures = None if own is None or others is None else (own, others)

    def of(self, number: int) -> tuple[Places, Places]:
        """Return the places in the gallery of the right pictures for a query, and of those that do not count."""
        same = self._order[self._starts[number] : self._stops[number]]
        without = np.zeros(len(same), dtype=np.bool_)
        camera = self._query_cameras[number]
        if self._exclude and camera >= 0:
            without |= self._gallery_cameras[same] == camera
        if self._pictures is not None:
            own, others = self._pictures
            without |= others[same] == own[number]
        return same[~without], same[without]
