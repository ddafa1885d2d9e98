"""Own what keypoints are: their names, the bones between them, their mirror partners and how exactly people mark them.

Known are the 17 keypoints of COCO, the 13 that ST makes of them with one point for the head, and the 21 of a hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from zoo_core.errors import UserError
from zoo_core.names import did_you_mean, shorten

if TYPE_CHECKING:
    from zoo_pose.config.dataset import PoseDatasetSection

Pairs = tuple[tuple[int, int], ...]

BODY, SHORT_BODY, HAND = 17, 13, 21
"""Numbers of keypoints that are known by name."""
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
LEFT, RIGHT = "left", "right"
SIDES = {"l": LEFT, "r": RIGHT}
FACE_SIGMAS = (0.026, 0.025, 0.025, 0.035, 0.035)
LIMB_SIGMAS = (0.079, 0.072, 0.062, 0.107, 0.087, 0.089)
HEAD_SIGMA = 0.035
"""Spread that ST gives the point that stands for the whole head."""
FACE_LINKS = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6))
LIMB_LINKS = ((0, 1), (0, 2), (2, 4), (1, 3), (3, 5), (0, 6), (1, 7), (6, 7), (6, 8), (8, 10), (7, 9), (9, 11))
"""Bones between shoulders, arms, hips and legs, counted from the left shoulder."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Describe the K keypoints of a pose."""

    names: tuple[str, ...]
    links: Pairs
    """Pairs of keypoints that are joined in pictures."""
    pairs: Pairs
    """Pairs of keypoints, left and right, that change places in a mirror."""
    sigmas: tuple[float, ...]
    """Spread of each keypoint in the object keypoint similarity."""

    @property
    def keypoints(self) -> int:
        """Return the number of keypoints."""
        return len(self.names)

    @property
    def partners(self) -> tuple[int, ...]:
        """Return for each keypoint the one that takes its place in a mirror, itself where there is no other."""
        found = list(range(self.keypoints))
        for left, right in self.pairs:
            found[left], found[right] = right, left
        return tuple(found)


@overload
def known(keypoints: Literal[13, 17, 21]) -> Skeleton: ...
@overload
def known(keypoints: int) -> Skeleton | None: ...
def known(keypoints: int) -> Skeleton | None:
    """Return the skeleton of so many keypoints, if one is known by that number: 13, 17 or 21."""
    makers = {SHORT_BODY: _short_body, BODY: _body, HAND: _hand}
    maker = makers.get(keypoints)
    return None if maker is None else maker()


def numbered(keypoints: int) -> Skeleton:
    """Return a skeleton of numbered keypoints without links or pairs, with ST's spread of 1/K."""
    names = tuple(f"keypoint_{number}" for number in range(keypoints))
    return Skeleton(names, (), (), (1 / keypoints,) * keypoints)


def skeleton_of(
    section: PoseDatasetSection, keypoints: int, *, names: Sequence[str] = (), links: Pairs = ()
) -> Skeleton:
    """Return the skeleton of a run.

    What the `dataset` section states comes first, then what the annotations say, then what is known of a pose of so
    many keypoints. That holds only for its own names, however they are written (`left_eye`, `Left Eye`, `lEye`): of
    keypoints with other names those change places in a mirror that are called left and right, and spreads are 1/K.

    Args:
        section: The `dataset` section.
        keypoints: Number of keypoints K.
        names: Names in the annotations; those of another number than K are passed over.
        links: Links in the annotations.

    Raises:
        UserError: Listing everything in the section that does not fit.
    """
    problems: list[str] = []
    base = _base(_names(section, keypoints, names, problems), keypoints, links)
    found_links, found_pairs, sigmas = base.links, base.pairs, base.sigmas
    if section.skeleton is not None:
        found_links = _resolve("skeleton", section.skeleton, base.names, problems)
    if section.flip_pairs is not None:
        found_pairs = _resolve("flip_pairs", section.flip_pairs, base.names, problems)
        twice = [number for number, count in Counter(end for pair in found_pairs for end in pair).items() if count > 1]
        if twice and not problems:
            problems.append(f"dataset.flip_pairs: in more than one pair: {shorten(base.names[end] for end in twice)}")
    if section.sigmas is not None:
        sigmas = section.sigmas
        if len(sigmas) != keypoints:
            problems.append(f"dataset.sigmas has {len(sigmas)} numbers, and a pose has {keypoints} keypoints")
    if problems:
        raise UserError("\n".join(problems), hint="The keypoints are: " + shorten(base.names, keypoints))
    return Skeleton(base.names, found_links, found_pairs, sigmas)


def same_names(names: Sequence[str], others: Sequence[str]) -> bool:
    """Tell whether two lists name the same keypoints in the same order, however the names are written."""
    return [_words(name) for name in names] == [_words(name) for name in others]


def stated_names(section: PoseDatasetSection) -> tuple[str, ...]:
    """Return the names of keypoints that the section states, or none.

    Raises:
        UserError: When the text file cannot be read or names nothing.
    """
    if section.keypoint_names is not None:
        return section.keypoint_names
    path = section.keypoints_file_path
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"dataset.keypoints_file_path: {path} cannot be read as text: {error}.") from error
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not found:
        raise UserError(f"dataset.keypoints_file_path: {path} holds no names; expected one on each line.")
    return found


def _names(
    section: PoseDatasetSection, keypoints: int, declared: Sequence[str], problems: list[str]
) -> tuple[str, ...]:
    """Return the names of the section, else the K ones of `class_names` or of the annotations, else none."""
    stated = stated_names(section)
    key = "dataset.keypoint_names" if section.keypoint_names is not None else "dataset.keypoints_file_path"
    if stated:
        if len(stated) != keypoints:
            problems.append(f"{key} has {len(stated)} names, and a pose has {keypoints} keypoints")
            return ()
        twice = [name for name, count in Counter(stated).items() if count > 1]
        if twice:
            problems.append(f"{key} names some keypoints more than once: {shorten(twice)}")
        return stated
    for other in (section.class_names or (), tuple(declared)):
        if len(other) == keypoints and len(set(other)) == keypoints:
            return other
    return ()


def _base(names: tuple[str, ...], keypoints: int, links: Pairs) -> Skeleton:
    """Return what is known of keypoints of these names, or of so many when there are no names."""
    standard = known(keypoints)
    if standard is not None and (not names or same_names(names, standard.names)):
        return Skeleton(names or standard.names, standard.links, standard.pairs, standard.sigmas)
    plain = numbered(keypoints)
    names = names or plain.names
    return Skeleton(names, tuple(links), _named_pairs(names), plain.sigmas)


def _named_pairs(names: Sequence[str]) -> Pairs:
    """Return the pairs of names that differ only in left and right."""
    places = {_words(name): number for number, name in enumerate(names)}
    found = []
    for number, name in enumerate(names):
        words = _words(name)
        if LEFT in words:
            other = places.get(tuple(sorted(RIGHT if word == LEFT else word for word in words)))
            if other is not None:
                found.append((number, other))
    return tuple(found)


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name, sorted: `eye` and `left` of left_eye, Left Eye, lEye and eyeL."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=left)(?=[a-z])|(?<=right)(?=[a-z])", " ", name)
    words = re.findall(r"[^\W_]+", spaced.casefold())
    return tuple(sorted(SIDES.get(word, word) for word in words))


def _resolve(
    key: str, pairs: Iterable[tuple[str | int, str | int]], names: Sequence[str], problems: list[str]
) -> Pairs:
    """Return pairs of names or numbers as pairs of numbers from 0."""
    found = []
    for pair in pairs:
        ends = [_number(end, names) for end in pair]
        for end, number in zip(pair, ends, strict=True):
            if number is None:
                near = did_you_mean(str(end), names) or ""
                problems.append(f"dataset.{key}: there is no keypoint {end!r}. {near}".rstrip())
        if None not in ends and ends[0] == ends[1]:
            problems.append(f"dataset.{key}: {pair[0]!r} and {pair[1]!r} are the same keypoint")
        found.append((ends[0] or 0, ends[1] or 0))
    return tuple(found)


def _number(end: str | int, names: Sequence[str]) -> int | None:
    """Return the number of a keypoint by its name, by its number, or by its number as text."""
    if isinstance(end, str) and end in names:
        return names.index(end)
    try:
        number = int(end)
    except ValueError:
        return None
    return number if 0 <= number < len(names) else None


def _body() -> Skeleton:
    limbs = _both_sides(LIMBS)
    links = (*FACE_LINKS, *_shifted(LIMB_LINKS, len(FACE)))
    pairs = ((1, 2), (3, 4), *_neighbours(len(FACE), len(limbs)))
    return Skeleton((*FACE, *limbs), links, pairs, (*FACE_SIGMAS, *_doubled(LIMB_SIGMAS)))


def _short_body() -> Skeleton:
    limbs = _both_sides(LIMBS)
    links = ((0, 1), (0, 2), *_shifted(LIMB_LINKS, 1))
    return Skeleton(("head", *limbs), links, _neighbours(1, len(limbs)), (HEAD_SIGMA, *_doubled(LIMB_SIGMAS)))


def _hand() -> Skeleton:
    names = ("wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in range(1, 5)))
    starts = range(1, HAND, 4)
    links = tuple(pair for start in starts for pair in ((0, start), *((start + i, start + i + 1) for i in range(3))))
    return Skeleton(names, links, (), (1 / HAND,) * HAND)


def _both_sides(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in ("left", "right"))


def _doubled(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(value for value in values for _ in range(2))


def _shifted(pairs: Iterable[tuple[int, int]], by: int) -> Pairs:
    return tuple((first + by, second + by) for first, second in pairs)


def _neighbours(start: int, count: int) -> Pairs:
    return tuple((number, number + 1) for number in range(start, start + count, 2))
