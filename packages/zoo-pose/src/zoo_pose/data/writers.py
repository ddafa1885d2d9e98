"""Own writing data sets of poses as YOLO Darknet in ST's folders and as COCO, with the images beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo_core.data.writing import FileNames, Written
from zoo_core.protocols import ImageDataset, Progress, SplitDatasets
from zoo_pose.data.selection import MULTI, SINGLE
from zoo_pose.data.sources import FOLDER_KEYS, PREFIXES
from zoo_pose.data.writing import Job
from zoo_pose.labels import PoseLabels
from zoo_pose.skeletons import HAND, Pairs, known, numbered, same_names

DIGITS = 6
"""Digits after the point of shares of the image."""
PIXEL_DIGITS = 4
"""Digits after the point of pixels."""
CATEGORY = 1


def write_yolo(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write `single/17kpts/train` and so on, as ST's converter does: images with a text file beside each.

    The first folder is `single` where no image has more than one pose, else `multi`; the second tells the number of
    keypoints. Crowds are left out, and so are images without a labelled keypoint. Of a keypoint the files tell only
    whether it is labelled. Boxes are cut at the border of their image.
    """
    job = Job(datasets=datasets, link=link, progress=progress)
    place = Path(_layout(job), f"{len(datasets.class_names)}kpts")
    section: dict[str, Any] = {"format": "yolo", "keypoints": len(datasets.class_names)}
    for split, dataset in job.splits():
        inside = place / PREFIXES[split]
        (folder / inside).mkdir(parents=True)
        names = FileNames()
        for item in job.items(split, dataset):
            if not item.upright:
                job.events["turned"] += 1
                continue
            labels = item.labels.chosen(~item.labels.crowd)
            job.events["crowd"] += len(item.labels) - len(labels)
            labels = job.inside(labels)
            if not labels.labelled.any():
                job.events["bare"] += 1
                continue
            path = folder / inside / names.take(item.source)
            job.place(split, item, path)
            path.with_suffix(".txt").write_text("".join(_yolo_lines(labels)), encoding="utf-8")
        if job.images.get(split):
            section[FOLDER_KEYS[split]] = inside.as_posix()
    return job.written({**section, **_skeleton_keys(job)})


def write_coco(datasets: SplitDatasets, folder: Path, *, link: bool, progress: Progress) -> Written:
    """Write a folder of images and `annotations/person_keypoints_<split>.json` for each split.

    Images keep their ids where each has one of its own. Everything else is kept too: crowds, areas, images without
    poses, and places outside of images.
    """
    job = Job(datasets=datasets, link=link, progress=progress)
    section: dict[str, Any] = {"format": "coco", "keypoints": len(datasets.class_names)}
    (folder / "annotations").mkdir()
    for split, dataset in job.splits():
        prefix = PREFIXES[split]
        (folder / prefix).mkdir()
        names = FileNames()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        own_ids = _own_ids(dataset)
        for number, item in enumerate(job.items(split, dataset), start=1):
            image_id = item.labels.image_id if own_ids else number
            name = names.take(item.source)
            job.place(split, item, folder / prefix / name)
            images.append({"id": image_id, "file_name": name, "width": item.labels.width, "height": item.labels.height})
            for row in _coco_rows(item.labels, image_id):
                annotations.append({"id": len(annotations) + 1, **row})
        document = {"images": images, "annotations": annotations, "categories": [_category(datasets, _links(dataset))]}
        file = Path("annotations", f"person_keypoints_{prefix}.json")
        (folder / file).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        section |= {f"{prefix}_images_path": prefix, f"{prefix}_annotations_path": file.as_posix()}
    return job.written({**section, **_skeleton_keys(job)})


def _layout(job: Job) -> str:
    """Return the name of the first folder: `single` where no image of any split has more than one pose."""
    most = max(
        (int((~dataset.targets[index].crowd).sum()) for _, dataset in job.splits() for index in range(len(dataset))),
        default=0,
    )
    return MULTI if most > 1 else SINGLE


def _skeleton_keys(job: Job) -> dict[str, Any]:
    """Return the keys of the section that tell what no annotations can: pairs and spreads that are not the usual."""
    skeleton = next((found for _, dataset in job.splits() if (found := getattr(dataset, "skeleton", None))), None)
    if skeleton is None:
        return {}
    usual = known(skeleton.keypoints)
    if usual is None or not same_names(skeleton.names, usual.names):
        usual = numbered(skeleton.keypoints)
    keys: dict[str, Any] = {}
    if skeleton.links != usual.links:
        keys["skeleton"] = [list(link) for link in skeleton.links]
    if skeleton.pairs != usual.pairs:
        keys["flip_pairs"] = [list(pair) for pair in skeleton.pairs]
    if skeleton.sigmas != usual.sigmas:
        keys["sigmas"] = list(skeleton.sigmas)
    return keys


def _links(dataset: ImageDataset) -> Pairs:
    skeleton = getattr(dataset, "skeleton", None)
    return () if skeleton is None else skeleton.links


def _category(datasets: SplitDatasets, links: Pairs) -> dict[str, Any]:
    names = datasets.class_names
    standard = known(len(names))
    name = "animal"
    if standard is not None and same_names(names, standard.names):
        name = "hand" if len(names) == HAND else "person"
    return {
        "id": CATEGORY,
        "name": name,
        "supercategory": name,
        "keypoints": list(names),
        "skeleton": [[first + 1, second + 1] for first, second in links],
    }


def _own_ids(dataset: ImageDataset) -> bool:
    """Tell whether every image has an id of its own."""
    ids = {dataset.targets[index].image_id for index in range(len(dataset))}
    return len(ids) == len(dataset)


def _coco_rows(labels: PoseLabels, image_id: int) -> Iterator[Mapping[str, Any]]:
    boxes = np.hstack([labels.boxes[:, :2], labels.boxes[:, 2:] - labels.boxes[:, :2]]).round(PIXEL_DIGITS)
    points = labels.points.round(PIXEL_DIGITS)
    for number in range(len(labels)):
        flags = labels.visible[number].tolist()
        places = zip(points[number].tolist(), flags, strict=True)
        yield {
            "image_id": image_id,
            "category_id": CATEGORY,
            "bbox": boxes[number].tolist(),
            "area": round(float(labels.areas[number]), PIXEL_DIGITS),
            "iscrowd": int(labels.crowd[number]),
            "num_keypoints": sum(flag > 0 for flag in flags),
            "keypoints": [value for (x, y), flag in places for value in (x, y, flag)],
            "segmentation": [],
        }


def _yolo_lines(labels: PoseLabels) -> Iterator[str]:
    size = np.array(labels.size, np.float64)
    centres = (labels.boxes[:, :2] + labels.boxes[:, 2:]) / 2 / size
    sides = (labels.boxes[:, 2:] - labels.boxes[:, :2]) / size
    for box, points, flags in zip(
        np.hstack([centres, sides]).tolist(), (labels.points / size).tolist(), labels.labelled.tolist(), strict=True
    ):
        words = ["0", *(f"{value:.{DIGITS}f}" for value in box)]
        for (x, y), flag in zip(points, flags, strict=True):
            words += [f"{x:.{DIGITS}f}", f"{y:.{DIGITS}f}", str(int(flag))]
        yield " ".join(words) + "\n"
