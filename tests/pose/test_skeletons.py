"""Skeletons have the names, bones, partners and spreads of COCO and ST, and the section overrides each."""

import numpy as np
import pytest

from zoo_core.data.shapes.skeleton import BONES, KEYPOINTS
from zoo_core.errors import UserError
from zoo_pose.config import PoseDatasetSection
from zoo_pose.skeletons import known, numbered, skeleton_of

pycocotools = pytest.importorskip("pycocotools.cocoeval")


def test_seventeen_are_those_of_coco():
    body = known(17)
    assert body.names == KEYPOINTS
    assert {frozenset(link) for link in body.links} == {frozenset((one - 1, other - 1)) for one, other in BONES}
    np.testing.assert_allclose(body.sigmas, pycocotools.Params("keypoints").kpt_oks_sigmas)


def test_thirteen_are_those_of_seventeen_with_one_head():
    body, short = known(17), known(13)
    assert short.names == ("head", *body.names[5:])
    assert short.sigmas == (0.035, *body.sigmas[5:])
    assert {(one - 4, other - 4) for one, other in body.links if min(one, other) >= 5} < set(short.links)
    assert {(0, 1), (0, 2)} < set(short.links)


def test_hand_is_a_wrist_with_five_fingers_of_four():
    hand = known(21)
    assert hand.keypoints == 21
    assert len(hand.links) == 20
    assert {other for one, other in hand.links if one == 0} == {1, 5, 9, 13, 17}
    assert all(other == one + 1 for one, other in hand.links if one)
    assert hand.pairs == ()
    assert hand.sigmas == pytest.approx([1 / 21] * 21)


@pytest.mark.parametrize("keypoints", [13, 17, 21])
def test_partners_are_mutual_and_have_the_other_side_in_their_name(keypoints):
    skeleton = known(keypoints)
    other = {"left": "right", "right": "left"}
    for number, partner in enumerate(skeleton.partners):
        assert skeleton.partners[partner] == number
        side, _, part = skeleton.names[number].partition("_")
        assert skeleton.names[partner] == (f"{other[side]}_{part}" if side in other else skeleton.names[number])


def test_other_numbers_have_numbered_names_and_equal_spreads():
    skeleton = skeleton_of(PoseDatasetSection(), 4)
    assert skeleton == numbered(4)
    assert skeleton.names == ("keypoint_0", "keypoint_1", "keypoint_2", "keypoint_3")
    assert skeleton.partners == (0, 1, 2, 3)
    assert skeleton.sigmas == (0.25,) * 4


def test_names_of_annotations_bring_their_own_pairs_and_links():
    names = ("snout", "LeftPaw", "right paw", "tail", "earL", "earR", "left_only")
    skeleton = skeleton_of(PoseDatasetSection(), 7, names=names, links=((0, 3),))
    assert skeleton.names == names
    assert skeleton.links == ((0, 3),)
    assert skeleton.partners == (0, 2, 1, 3, 5, 4, 6)


def test_seventeen_of_an_animal_are_no_person():
    names = tuple(f"point {number}" for number in range(17))
    skeleton = skeleton_of(PoseDatasetSection(), 17, names=names)
    assert skeleton.pairs == skeleton.links == ()
    assert skeleton.sigmas == pytest.approx([1 / 17] * 17)


def test_names_written_otherwise_are_still_known():
    names = tuple(name.replace("_", " ").title() for name in KEYPOINTS)
    skeleton = skeleton_of(PoseDatasetSection(keypoint_names=names), 17)
    assert skeleton.names == names
    assert (skeleton.links, skeleton.pairs, skeleton.sigmas) == (known(17).links, known(17).pairs, known(17).sigmas)


def test_section_overrides_everything(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("a\nb\n\nc\n", encoding="utf-8")
    section = PoseDatasetSection(
        keypoints_file_path=path, skeleton=(("a", "c"), (1, "2")), flip_pairs=(("b", 2),), sigmas=(0.1, 0.2, 0.3)
    )
    skeleton = skeleton_of(section, 3, names=("x", "y", "z"))
    assert skeleton.names == ("a", "b", "c")
    assert skeleton.links == ((0, 2), (1, 2))
    assert skeleton.partners == (0, 2, 1)
    assert skeleton.sigmas == (0.1, 0.2, 0.3)
    assert skeleton_of(PoseDatasetSection(flip_pairs=()), 17).partners == tuple(range(17))


def test_everything_wrong_is_told_at_once():
    section = PoseDatasetSection(
        keypoint_names=("nose", "nose"), skeleton=(("nose", "hose"),), flip_pairs=((0, 0), (0, 9)), sigmas=(0.1,)
    )
    with pytest.raises(UserError) as caught:
        skeleton_of(section, 2)
    text = str(caught.value)
    for part in ("more than once: nose", "'hose'", "same keypoint", "no keypoint 9", "sigmas has 1"):
        assert part in text


def test_wrong_number_of_names_is_refused():
    with pytest.raises(UserError, match="keypoint_names has 2 names, and a pose has 3"):
        skeleton_of(PoseDatasetSection(keypoint_names=("a", "b")), 3)
