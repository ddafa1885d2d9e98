"""Own the writing of a data set of figures into a folder: all of it, or nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zoo_core import __version__
from zoo_core.data.shapes.coco import CocoFiles
from zoo_core.data.shapes.identities import Camera, draw_shot, shots, wardrobe
from zoo_core.data.shapes.plan import CAMERAS, ShapesPlan
from zoo_core.data.shapes.poses import draw_pose, pose_lines
from zoo_core.data.shapes.scenes import CLASSES, draw_scene
from zoo_core.data.shapes.texts import detection_config, pose_config, readme, reid_config
from zoo_core.errors import UserError
from zoo_core.protocols import Progress

README = "README.txt"
CONFIGS = {"detection": "detection.yaml", "reid": "reid.yaml", "pose": "pose.yaml"}
"""Use case -> configuration that trains on the pictures."""
UNFINISHED = ".unfinished"
"""Folder inside the data set's own in which it grows."""
QUALITY = 95
SUBJECTS = ("scenes", "poses", "wardrobe", "cameras", "shots")
"""Everything that draws random numbers of its own; the place in this list is part of the seed."""
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Report the data set that was written."""

    images: dict[str, int]
    """Split -> number of pictures for detection, and as many for pose."""
    figures: dict[str, int]
    """Class -> number of figures on the pictures for detection."""
    crops: dict[str, int]
    """Folder of re-identification -> number of pictures."""


def write_shapes(folder: Path, plan: ShapesPlan, progress: Progress) -> Written:
    """Draw the pictures of a plan and write them with their annotations into a new or empty folder.

    Raises:
        UserError: When the folder is not empty, or cannot be written.
    """
    with _growing(folder) as inside:
        figures = _write_scenes(inside, plan, progress)
        _write_poses(inside / "pose", plan, progress)
        _write_shots(inside / "reid", plan, progress)
        (inside / CONFIGS["detection"]).write_text(detection_config(plan), encoding="utf-8")
        (inside / CONFIGS["reid"]).write_text(reid_config(plan), encoding="utf-8")
        (inside / CONFIGS["pose"]).write_text(pose_config(plan), encoding="utf-8")
        (inside / README).write_text(readme(plan, __version__), encoding="utf-8")
    return Written(images=plan.splits, figures=figures, crops=plan.crops)


@contextmanager
def _growing(folder: Path) -> Iterator[Path]:
    """Give a folder inside of the folder whose content moves up at the end, and goes away when anything fails."""
    inside = folder / UNFINISHED
    made = not folder.exists()
    try:
        if not made and (not folder.is_dir() or any(folder.iterdir())):
            what = "is not empty" if folder.is_dir() else "is a file"
            raise UserError(f"{folder.resolve()} {what}; it is left as it is.", hint="Choose a new or an empty folder.")
        inside.mkdir(parents=True)
        try:
            yield inside
            for path in sorted(inside.iterdir()):
                path.rename(folder / path.name)
            inside.rmdir()
        except BaseException:
            _clear(folder, whole=made)
            raise
    except OSError as error:
        msg = f"Cannot write {error.filename or folder.resolve()}: {error.strerror or error}."
        raise UserError(msg, hint="Choose another folder, or make room; nothing was kept.") from error


def _clear(folder: Path, *, whole: bool) -> None:
    """Remove what was written into a folder that was empty, or the folder as well."""
    for path in [folder] if whole else list(folder.iterdir()):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _write_scenes(folder: Path, plan: ShapesPlan, progress: Progress) -> dict[str, int]:
    annotations = folder / "annotations"
    annotations.mkdir()
    figures: Counter[str] = Counter(dict.fromkeys(CLASSES, 0))
    with progress.track("Drawing figures", plan.images) as bar:
        for split, count in plan.splits.items():
            images = folder / "images" / split
            images.mkdir(parents=True)
            coco = CocoFiles(f"drawn figures, {split}, seed {plan.seed}", __version__)
            for index in range(count):
                scene = draw_scene(plan.size, _draw(plan, "scenes", SPLITS.index(split), index))
                _save(scene.picture, images / _name(index))
                coco.add(_name(index), scene)
                bar.advance()
            _write_json(annotations / f"instances_{split}.json", coco.instances())
            _write_json(annotations / f"person_keypoints_{split}.json", coco.person_keypoints())
            figures.update(coco.figures())
    return dict(figures)


def _write_poses(folder: Path, plan: ShapesPlan, progress: Progress) -> None:
    with progress.track("Drawing poses", plan.images) as bar:
        for split, count in plan.splits.items():
            images = folder / split
            images.mkdir(parents=True)
            for index in range(count):
                scene = draw_pose(plan.size, _draw(plan, "poses", SPLITS.index(split), index))
                path = images / _name(index)
                _save(scene.picture, path)
                path.with_suffix(".txt").write_text(pose_lines(scene), encoding="utf-8")
                bar.advance()


def _write_shots(folder: Path, plan: ShapesPlan, progress: Progress) -> None:
    looks = wardrobe(plan.identities, _draw(plan, "wardrobe"))
    cameras = [Camera.draw(_draw(plan, "cameras", camera)) for camera in range(CAMERAS)]
    for name in plan.crops:
        (folder / name).mkdir(parents=True)
    with progress.track("Drawing identities", sum(plan.crops.values())) as bar:
        for shot in shots(plan):
            draw = _draw(plan, "shots", shot.identity, shot.camera, shot.number)
            _save(draw_shot(looks[shot.identity], cameras[shot.camera], draw), folder / shot.folder / shot.name)
            bar.advance()


def _draw(plan: ShapesPlan, subject: str, *place: int) -> np.random.Generator:
    """Return random numbers that belong to one thing alone, whatever else is drawn."""
    return np.random.default_rng((plan.seed, SUBJECTS.index(subject), *place))


def _name(index: int) -> str:
    return f"{index + 1:06d}.jpg"


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, "JPEG", quality=QUALITY, subsampling=0)


def _write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")
