"""Checks tell the poses that cannot be used, what is odd, and count every keypoint."""

import numpy as np
import pytest

NAMES = ("nose", "left_paw", "right_paw")


@pytest.fixture
def flawed(folder):
    for number in range(4):
        folder.image(f"images/{number}.png")
    box = [10, 10, 20, 20]
    good = [20, 20, 2, 15, 15, 1, 25, 15, 2]
    rows = [
        {"image_id": 0, "bbox": box, "keypoints": good},
        {"image_id": 0, "bbox": box, "keypoints": good},
        {"image_id": 1, "bbox": [10, 10, 0, 20], "keypoints": good},
        {"image_id": 1, "bbox": [30, 10, -5, 20], "keypoints": good},
        {"image_id": 2, "bbox": [50, 10, 30, 20], "keypoints": [80, 20, 2, 0, 0, 0, 60, 15, 2]},
        {"image_id": 2, "bbox": box, "keypoints": [0] * 9},
        {"image_id": 2, "bbox": box, "keypoints": [20, 20, 2, 45, 15, 2, 45, 15, 2]},
        {"image_id": 2, "bbox": box, "keypoints": [0] * 9, "iscrowd": 1},
    ]
    folder.coco("a.json", [(number, f"{number}.png") for number in range(4)], rows, NAMES)
    return folder.read("validation", val_images_path="images", val_annotations_path="a.json").validation


def test_every_finding_is_told_with_its_image(flawed):
    found = {finding.kind: finding for finding in flawed.label_findings("validation")}
    counts = {kind: len(finding.items) for kind, finding in found.items()}
    assert counts == {
        "inverted_box": 1,
        "empty_box": 1,
        "keypoint_outside": 1,
        "box_outside": 1,
        "keypoint_away": 1,
        "no_keypoints": 1,
        "repeated_pose": 3 - 1,
        "sides_coincide": 1,
        "no_poses": 2,
    }
    assert {kind for kind, finding in found.items() if finding.problem} == {
        "inverted_box",
        "empty_box",
        "keypoint_outside",
    }
    assert found["keypoint_outside"].items[0].endswith("2.png (64x48): nose at 80, 20")
    assert found["keypoint_outside"].text == "validation: 1 labelled keypoint outside the image"
    assert all(finding.text.startswith("validation: ") for finding in found.values())


def test_counts_are_those_of_poses_that_can_be_trained_on(flawed):
    assert flawed.label_counts() == {"nose": 4, "left_paw": 3, "right_paw": 4}


def test_statistics_are_those_computed_by_hand(flawed):
    statistics = flawed.label_statistics()
    document = statistics.document
    assert (document["images"], document["poses"], document["crowds"]) == (4, 5, 1)
    assert document["keypoints"] == {"nose": 4, "left_paw": 3, "right_paw": 4}
    assert document["flags"] == {"0": 4, "1": 2, "2": 9}
    assert document["images_without_poses"] == 2
    assert document["poses_without_keypoints"] == 1
    assert document["width"]["largest"] == 30
    assert document["left_on_the_right"] == {"left_paw": {"poses": 3, "share": 0.0}}
    assert statistics.lines[0] == "5 poses and 1 crowds on 4 images"


def test_clean_data_has_no_findings_and_mirrored_people_are_seen(folder):
    folder.pose("a/1", [0, 0.5, 0.5, 0.6, 0.6, *np.tile([0.5, 0.5, 0], 5), *[0.6, 0.5, 1, 0.4, 0.5, 1] * 6])
    found = folder.read("validation", validation_path="a").validation
    kinds = [finding.kind for finding in found.label_findings("validation")]
    assert kinds == ["unlabelled_keypoint"]
    assert found.label_statistics().document["left_on_the_right"]["left_hip"] == {"poses": 1, "share": 1.0}


def test_images_without_any_pose_have_statistics_too(folder):
    folder.pose("a/1")
    found = folder.read("validation", validation_path="a", keypoints=17).validation
    assert found.label_statistics().lines[0] == "0 poses on 1 images"
    assert [finding.kind for finding in found.label_findings("validation")] == ["no_poses", "unlabelled_keypoint"]
