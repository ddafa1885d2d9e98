"""Give tests of data sets small ones on disk, and the call that reads them."""

import json

import numpy as np
import pytest
from PIL import Image

from zoo_core.protocols import SPLITS, DataRequest
from zoo_pose.config import PoseDatasetSection
from zoo_pose.data.build import build


class Folder:
    """Write images and annotations below a folder, and read them back."""

    def __init__(self, root):
        self.root = root

    def image(self, name, size=(64, 48), **options):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(len(name)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, **options)
        return path

    def text(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def pose(self, name, *lines, size=(64, 48)):
        """Write an image and the text file beside it; a line is a list of numbers."""
        path = self.image(f"{name}.png", size)
        self.text(f"{name}.txt", "".join(" ".join(map(str, line)) + "\n" for line in lines))
        return path

    def coco(self, name, images, annotations, keypoints=None, **category):
        """Write a COCO file of one category; an image is (id, file name), an annotation a dictionary."""
        kind = {"id": 1, "name": "person", **category}
        if keypoints is not None:
            kind["keypoints"] = list(keypoints)
        document = {
            "images": [{"id": number, "file_name": file, "width": 64, "height": 48} for number, file in images],
            "annotations": [{"id": 100 + i, "category_id": 1, **one} for i, one in enumerate(annotations)],
            "categories": [kind],
        }
        return self.text(name, json.dumps(document))

    def read(self, *splits, check=False, seed=123, **keys):
        """Build the splits from keys of the section; values that are names below the folder become paths."""
        values = {
            key: self.root / value if key.endswith("_path") and isinstance(value, str) else value
            for key, value in keys.items()
        }
        request = DataRequest(splits=frozenset(splits or SPLITS), seed=seed, check_image_files=check)
        return build(PoseDatasetSection(**values), request)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
