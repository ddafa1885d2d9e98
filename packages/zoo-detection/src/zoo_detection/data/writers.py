"""Own writing data sets as COCO, Pascal VOC and YOLO Darknet, with the images beside the annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import yaml

from zoo_core.data.image_folders import stored_size
from zoo_core.data.writing import FileNames, Written, place_file
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import TEST, TRAIN, VALIDATION, ImageDataset, Progress, SplitDatasets
from zoo_detection.data.findings import OUTSIDE_PIXELS
from zoo_detection.data.sources import PREFIXES
from zoo_detection.labels import BoxLabels

DIGITS = 6
"""Digits after the point that COCO and YOLO files hold."""
CLASSES_FILE = "classes.txt"
LEFT_OUT = {
    "unreadable": "{count} images cannot be read and are left out.",
    "size": "{count} images have another size than their annotations say and are left out.",
    "turned": "{count} images are stored turned, and their boxes are not; they are left out, since YOLO has no sizes.",
    "crowd": "{count} crowds or difficult boxes are left out, which YOLO cannot mark.",
    "outside": "{count} boxes reached out of their image and are cut at its border.",
    "away": "{count} boxes lay wholly outside their image and are left out.",
}
"""What happened -> how it is told."""


@dataclass(frozen=True, slots=True)
class _Item:
    """Hold one image to write."""

    source: Path
    labels: BoxLabels
    upright: bool
    """Whether its boxes belong to the upright picture, and not to a turned one as the file stores it."""


@dataclass(slots=True, kw_only=True)
class _Job:
    """Hold what one conversion needs, and what happens in it."""

    datasets: SplitDatasets
    folder: Path
    link: bool
    progress: Progress
    events: Counter[str] = field(default_factory=Counter)
    images: dict[str, int] = field(default_factory=dict)

    def splits(self) -> Iterator[tuple[str, str, Iterator[_Item]]]:
        """Yield name, prefix and images of each split; images that cannot be used are left out and counted."""
        for split in (TRAIN, VALIDATION, TEST):
            dataset = self.datasets.get(split)
            if dataset is not None:
                yield split, PREFIXES[split], self._items(split, dataset)

    def place(self, split: str, item: _Item, target: Path) -> None:
        """Put an image in place."""
        place_file(item.source, target, link=self.link)
        self.images[split] = self.images.get(split, 0) + 1

    def written(self, section: dict[str, Any]) -> Written:
        """Return the account."""
        notes = tuple(text.format(count=self.events[key]) for key, text in LEFT_OUT.items() if self.events[key])
        return Written(section=section, images=dict(self.images), notes=notes)

    def inside(self, labels: BoxLabels) -> BoxLabels:
        """Return boxes cut at the border of the image, without those that are outside."""
        limits = np.array(labels.size * 2, np.float64)
        cut = np.clip(labels.boxes, 0, limits)
        there = np.asarray((cut[:, 2:] > cut[:, :2]).all(axis=1), np.bool_)
        self.events["away"] += int((~there).sum())
        self.events["outside"] += int(((np.abs(cut - labels.boxes) > OUTSIDE_PIXELS).any(axis=1) & there).sum())
        return labels.moved(cut, labels.size).chosen(there)

    def _items(self, split: str, dataset: ImageDataset) -> Iterator[_Item]:
        with self.progress.track(f"Writing {split} images", len(dataset)) as bar:
            for index in range(len(dataset)):
                item = self._item(Path(dataset.name(index)), dataset.targets[index])
                if item is not None:
                    yield item
                bar.advance()

    def _item(self, source: Path, labels: BoxLabels) -> _Item | None:
        try:
            upright, stored = stored_size(source)
        except UnreadableImageError:
            self.events["unreadable"] += 1
            return None
        if labels.size not in (upright, stored):
            self.events["size"] += 1
            return None
        return _Item(source, labels, labels.size == upright)


def write_coco(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write a folder of images and `annotations/instances_<split>.json` for each split.

    Images and classes keep their ids where these can stand: ids of images once each, ids of classes ascending.
    """
    job = _Job(datasets=datasets, folder=folder, link=link, progress=progress)
    section: dict[str, Any] = {"format": "coco"}
    categories = _category_ids(datasets)
    (folder / "annotations").mkdir()
    for split, prefix, items in job.splits():
        (folder / prefix).mkdir()
        names = FileNames()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        kept = _own_ids(datasets.get(split))
        for number, item in enumerate(items, start=1):
            image_id = item.labels.image_id if kept else number
            name = names.take(item.source)
            job.place(split, item, folder / prefix / name)
            images.append({"id": image_id, "file_name": name, "width": item.labels.width, "height": item.labels.height})
            for row in _coco_rows(item.labels, image_id, categories):
                annotations.append({"id": len(annotations) + 1, **row})
        document = {
            "images": images,
            "annotations": annotations,
            "categories": [
                {"id": number, "name": name} for number, name in zip(categories, datasets.class_names, strict=True)
            ],
        }
        file = Path("annotations", f"instances_{prefix}.json")
        (folder / file).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        section |= {f"{prefix}_images_path": prefix, f"{prefix}_annotations_path": file.as_posix()}
    return job.written(section)


def write_voc(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write `JPEGImages`, `Annotations`, a list in `ImageSets/Main` for each split, and `classes.txt`.

    Corners are whole pixels as VOC counts them, so that edges move by half a pixel at most; a box keeps at least one
    pixel. An image that stands in several splits with the same boxes is written once.
    """
    job = _Job(datasets=datasets, folder=folder, link=link, progress=progress)
    section: dict[str, Any] = {"format": "voc"}
    lists = Path("ImageSets", "Main")
    for name in ("JPEGImages", "Annotations", lists):
        (folder / name).mkdir(parents=True)
    names = FileNames()
    seen: dict[Path, tuple[str, BoxLabels]] = {}
    for split, prefix, items in job.splits():
        stems = []
        for item in items:
            before = seen.get(item.source)
            if before is not None and _same_boxes(before[1], item.labels):
                stems.append(before[0])
                job.images[split] = job.images.get(split, 0) + 1
                continue
            name = names.take(item.source)
            stem = Path(name).stem
            seen[item.source] = (stem, item.labels)
            stems.append(stem)
            job.place(split, item, folder / "JPEGImages" / name)
            tree = _voc_tree(name, job.inside(item.labels), datasets.class_names)
            tree.write(folder / "Annotations" / f"{stem}.xml", encoding="utf-8")
        (folder / lists / f"{prefix}.txt").write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")
        section |= {
            f"{prefix}_images_path": "JPEGImages",
            f"{prefix}_annotations_path": "Annotations",
            f"{prefix}_split": (lists / f"{prefix}.txt").as_posix(),
        }
    _write_names(folder, datasets.class_names)
    return job.written(section)


def write_yolo(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write a folder of images with a text file beside each for each split, `classes.txt` and `data.yaml`.

    An image without boxes gets an empty text file. Boxes are cut at the border of their image; crowds and difficult
    boxes, which the form cannot mark, are left out.
    """
    job = _Job(datasets=datasets, folder=folder, link=link, progress=progress)
    section: dict[str, Any] = {"format": "yolo"}
    for split, prefix, items in job.splits():
        (folder / prefix).mkdir()
        names = FileNames()
        for item in items:
            if not item.upright:
                job.events["turned"] += 1
                continue
            path = folder / prefix / names.take(item.source)
            job.place(split, item, path)
            job.events["crowd"] += int(item.labels.crowd.sum())
            labels = job.inside(item.labels.chosen(item.labels.trained))
            path.with_suffix(".txt").write_text("".join(_yolo_lines(labels)), encoding="utf-8")
        section |= {f"{prefix}_images_path": prefix, f"{prefix}_annotations_path": prefix}
    _write_names(folder, datasets.class_names)
    parts = {prefix: prefix for prefix in PREFIXES.values() if f"{prefix}_images_path" in section}
    document = {**parts, "names": dict(enumerate(datasets.class_names))}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return job.written(section)


def _category_ids(datasets: SplitDatasets) -> tuple[int, ...]:
    """Return the ids of the classes: their own where all splits agree and the order is kept, else 1, 2, 3, ..."""
    count = len(datasets.class_names)
    own = {
        dataset.targets[0].category_ids
        for split in PREFIXES
        if (dataset := datasets.get(split)) is not None and len(dataset)
    }
    ids = own.pop() if len(own) == 1 else ()
    return ids if len(ids) == count and list(ids) == sorted(set(ids)) else tuple(range(1, count + 1))


def _own_ids(dataset: ImageDataset | None) -> bool:
    """Tell whether every image has an id of its own."""
    ids = [] if dataset is None else [dataset.targets[index].image_id for index in range(len(dataset))]
    return len(set(ids)) == len(ids)


def _coco_rows(labels: BoxLabels, image_id: int, categories: Sequence[int]) -> Iterator[Mapping[str, Any]]:
    sides = labels.boxes[:, 2:] - labels.boxes[:, :2]
    rows = np.round(np.hstack([labels.boxes[:, :2], sides]), DIGITS).tolist()
    for number, box in enumerate(rows):
        yield {
            "image_id": image_id,
            "category_id": categories[int(labels.classes[number])],
            "bbox": box,
            "area": round(float(labels.areas[number]), DIGITS),
            "iscrowd": int(labels.crowd[number]),
            "segmentation": [],
        }


def _voc_tree(name: str, labels: BoxLabels, class_names: Sequence[str]) -> ET.ElementTree[ET.Element]:
    root = ET.Element("annotation")
    _add(root, {"folder": "JPEGImages", "filename": name})
    _add(ET.SubElement(root, "size"), {"width": labels.width, "height": labels.height, "depth": 3})
    _add(root, {"segmented": 0})
    low = np.floor(labels.boxes[:, :2] + 0.5)
    low = np.minimum(low, np.array(labels.size) - 1)
    high = np.maximum(np.floor(labels.boxes[:, 2:] + 0.5), low + 1)
    for number, (left, top, right, bottom) in enumerate(np.hstack([low + 1, high]).astype(np.int64).tolist()):
        found = ET.SubElement(root, "object")
        facts = {"name": class_names[int(labels.classes[number])], "pose": "Unspecified", "truncated": 0}
        _add(found, {**facts, "difficult": int(labels.crowd[number])})
        _add(ET.SubElement(found, "bndbox"), {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom})
    ET.indent(root, "\t")
    return ET.ElementTree(root)


def _add(parent: ET.Element, values: Mapping[str, object]) -> None:
    for tag, value in values.items():
        ET.SubElement(parent, tag).text = str(value)


def _yolo_lines(labels: BoxLabels) -> Iterator[str]:
    sizes = np.array(labels.size, np.float64)
    centres = (labels.boxes[:, :2] + labels.boxes[:, 2:]) / 2 / sizes
    sides = (labels.boxes[:, 2:] - labels.boxes[:, :2]) / sizes
    for number, row in zip(labels.classes.tolist(), np.hstack([centres, sides]).tolist(), strict=True):
        yield f"{number} {' '.join(f'{value:.{DIGITS + 2}f}' for value in row)}\n"


def _same_boxes(one: BoxLabels, other: BoxLabels) -> bool:
    same = (one.boxes, other.boxes), (one.classes, other.classes), (one.crowd, other.crowd)
    return all(np.array_equal(first, second) for first, second in same)


def _write_names(folder: Path, names: Sequence[str]) -> None:
    (folder / CLASSES_FILE).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
