"""Give tests of data sets small ones on disk, and the call that reads them."""

import json

import numpy as np
import pytest
from PIL import Image

from zoo_core.protocols import SPLITS, DataRequest
from zoo_detection.config import DetectionDatasetSection
from zoo_detection.data.build import build


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

    def coco(self, name, document):
        return self.text(name, json.dumps(document))

    def xml(self, name, objects, size=(64, 48), filename=None):
        """Write a VOC file; an object is (name, (xmin, ymin, xmax, ymax)) or has `difficult` as third."""
        parts = [f"<annotation><filename>{filename or ''}</filename>"]
        if size is not None:
            parts.append(f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>")
        for label, corners, *difficult in objects:
            keys = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
            box = "".join(f"<{key}>{value}</{key}>" for key, value in keys)
            flag = f"<difficult>{difficult[0]}</difficult>" if difficult else ""
            parts.append(f"\n<object><name>{label}</name>{flag}<bndbox>{box}</bndbox></object>")
        return self.text(name, "".join([*parts, "</annotation>"]))

    def read(self, *splits, check=False, seed=123, **keys):
        """Build the splits from keys of the section; values that are names below the folder become paths."""
        values = {
            key: self.root / value if key.endswith(("_path", "_split")) and isinstance(value, str) else value
            for key, value in keys.items()
        }
        wanted = frozenset(splits or SPLITS)
        request = DataRequest(splits=wanted, seed=seed, check_image_files=check)
        return build(DetectionDatasetSection(**values), request)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def coco(folder):
    """Write four images: two boxes and a crowd, one box, none, one box of a category with a high id."""
    for name in ("a", "b", "c", "d"):
        folder.image(f"images/{name}.png")
    box = {"iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]]}
    document = {
        "images": [
            {"id": 30 + number, "file_name": f"{name}.png", "width": 64, "height": 48}
            for number, name in enumerate("dcba")
        ],
        "categories": [{"id": 90, "name": "owl"}, {"id": 3, "name": "dog"}, {"id": 17, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 33, "category_id": 17, "bbox": [10, 5, 20, 30], "area": 450.5, **box},
            {"id": 2, "image_id": 32, "category_id": 3, "bbox": [1.5, 2.5, 3.25, 4.75], "area": 10, **box},
            {"id": 3, "image_id": 33, "category_id": 3, "bbox": [0, 0, 64, 48], "area": 3000, **box},
            {
                "id": 4,
                "image_id": 33,
                "category_id": 17,
                "bbox": [5, 5, 50, 40],
                "area": 900,
                "iscrowd": 1,
                "segmentation": {"counts": "abc", "size": [48, 64]},
            },
            {"id": 5, "image_id": 30, "category_id": 90, "bbox": [60, 40, 4, 8], "area": 32, **box},
        ],
    }
    folder.document = document
    folder.coco("boxes.json", document)
    return folder
