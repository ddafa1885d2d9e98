"""Own the annotations of pictures in the JSON format of COCO: boxes of all figures, keypoints of persons."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo_core.data.shapes.people import PERSON
from zoo_core.data.shapes.scenes import CLASSES, Placed, Scene
from zoo_core.data.shapes.skeleton import BONES, KEYPOINTS

PERSON_ID = CLASSES.index(PERSON) + 1
DIGITS = 2
"""Digits of a pixel's coordinates."""


class CocoFiles:
    """Gather the pictures of one split and write both of its documents."""

    def __init__(self, description: str, version: str) -> None:
        self._info = {"description": description, "version": version}
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, name: str, scene: Scene) -> None:
        """Add a picture and its figures; numbers of images and annotations count from 1."""
        width, height = scene.picture.size
        image = len(self._images) + 1
        self._images.append({"id": image, "file_name": name, "width": width, "height": height})
        for placed in scene.placed:
            self._annotations.append({"id": len(self._annotations) + 1, "image_id": image, **_annotation(placed)})

    def figures(self) -> dict[str, int]:
        """Return class -> number of figures."""
        found = [annotation["category_id"] for annotation in self._annotations]
        return {name: found.count(number) for number, name in enumerate(CLASSES, 1)}

    def instances(self) -> dict[str, Any]:
        """Return the document with the boxes of all figures."""
        keys = ("keypoints", "num_keypoints")
        boxes = [{key: value for key, value in one.items() if key not in keys} for one in self._annotations]
        kinds = [
            {"id": number, "name": name, "supercategory": name if name == PERSON else "shape"}
            for number, name in enumerate(CLASSES, 1)
        ]
        return self._document(boxes, kinds)

    def person_keypoints(self) -> dict[str, Any]:
        """Return the document with the keypoints of the persons on the same pictures."""
        persons = [one for one in self._annotations if one["category_id"] == PERSON_ID]
        kind = {"id": PERSON_ID, "name": PERSON, "supercategory": PERSON}
        bones = [list(bone) for bone in BONES]
        return self._document(persons, [{**kind, "keypoints": list(KEYPOINTS), "skeleton": bones}])

    def _document(self, annotations: list[dict[str, Any]], categories: list[dict[str, Any]]) -> dict[str, Any]:
        return {"info": self._info, "images": self._images, "annotations": annotations, "categories": categories}


def _annotation(placed: Placed) -> dict[str, Any]:
    """Return what holds for one figure: box and area of all its pixels, the hidden ones too."""
    left, top, right, bottom = placed.trace.box
    found = {
        "category_id": CLASSES.index(placed.figure.kind) + 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": int(placed.trace.mask.sum()),
        "iscrowd": 0,
        "segmentation": [np.round(part.outline, DIGITS).ravel().tolist() for part in placed.figure.parts],
    }
    if placed.figure.keypoints is not None:
        points = np.round(np.nan_to_num(placed.figure.keypoints), DIGITS)
        rows = [(*point, flag) for point, flag in zip(points.tolist(), placed.visibility, strict=True)]
        found["keypoints"] = [number for row in rows for number in row]
        found["num_keypoints"] = sum(flag > 0 for flag in placed.visibility)
    return found
