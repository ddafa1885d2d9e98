"""Pascal VOC's files are read by their own rules: pixels from 1, difficult objects, lists of images."""

import pytest

from zoo_core.errors import DataError

KEYS = {"format": "voc", "test_images_path": "JPEGImages", "test_annotations_path": "Annotations"}


@pytest.fixture
def voc(folder):
    for name in ("2008_000001", "2008_000002", "with blank"):
        folder.image(f"JPEGImages/{name}.jpg")
    folder.xml("Annotations/2008_000001.xml", [("cat", (1, 1, 64, 48)), ("ant", (10, 20, 10, 20), 1)])
    folder.xml("Annotations/2008_000002.xml", [("dog", (2.5, 3, 40, 41), 0)])
    folder.xml("Annotations/with blank.xml", [])
    return folder


def test_corners_are_pixels_counted_from_one(voc):
    found = voc.read("test", **KEYS)
    assert found.class_names == ("ant", "cat", "dog")
    first, second, third = found.test.targets
    assert first.boxes.tolist() == [[0, 0, 64, 48], [9, 19, 10, 20]]
    assert first.crowd.tolist() == [False, True]
    assert second.boxes.tolist() == [[1.5, 2, 40, 41]]
    assert second.areas.tolist() == [38.5 * 39]
    assert len(third) == 0


def test_zero_is_the_border_too(voc):
    voc.xml("Annotations/2008_000002.xml", [("dog", (0, 0, 64, 48))])
    found = voc.read("test", **KEYS).test
    assert found.targets[1].boxes.tolist() == [[0, 0, 64, 48]]
    assert [finding.kind for finding in found.label_findings("test")] == ["tiny_box", "no_boxes"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2008_000002\nwith blank\n", ["2008_000002", "with blank"]),
        ("2008_000002  1\n2008_000001 -1\nwith blank  0\n", ["2008_000002", "2008_000001", "with blank"]),
        ("JPEGImages/2008_000001.jpg\r\n\r\n2008_000001\n", ["2008_000001"]),
    ],
)
def test_lists_choose_the_images(voc, text, expected):
    voc.text("ImageSets/Main/test.txt", text)
    found = voc.read("test", test_split="ImageSets/Main/test.txt", **KEYS).test
    assert [found.name(index).rpartition("/")[2][:-4] for index in range(len(found))] == expected


def test_names_without_files_are_listed(voc):
    voc.text("list.txt", "2008_000001\nabsent_1\nabsent_2\n")
    with pytest.raises(DataError, match="2 of 3 names have no XML file") as error:
        voc.read("test", test_split="list.txt", **KEYS)
    assert "absent_2" in str(error.value)


def test_every_malformed_file_is_named_with_its_line(voc):
    voc.xml("Annotations/2008_000001.xml", [("cat", (1, 1, 5, 5)), ("cat", (1, "x", 5, "nan"))])
    voc.xml("Annotations/2008_000002.xml", [("", (1, 1, 5, 5))])
    voc.text("Annotations/with blank.xml", "<annotation>\n<object></annotation>")
    with pytest.raises(DataError, match="3 annotations cannot be used") as error:
        voc.read("test", **KEYS)
    message = str(error.value)
    assert "2008_000001.xml:3: bndbox of cat has no number ymin, ymax" in message
    assert "2008_000002.xml:2: object without a name" in message
    assert "with blank.xml:2: not XML: mismatched tag" in message


def test_entities_are_refused_before_they_grow(voc):
    lines = ['<?xml version="1.0"?>', "<!DOCTYPE a [", '<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30)]
    voc.text("Annotations/2008_000001.xml", "\n".join([*lines, "]><annotation>&a29;</annotation>"]))
    with pytest.raises(DataError, match=r"2008_000001.xml:2: a document type is not allowed"):
        voc.read("test", **KEYS)


def test_files_of_the_computer_cannot_be_read_in(voc):
    secret = voc.text("secret.txt", "hidden")
    text = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><annotation>&x;</annotation>'
    voc.text("Annotations/2008_000001.xml", text)
    with pytest.raises(DataError, match="document type"):
        voc.read("test", **KEYS)


def test_parts_of_objects_are_no_objects(voc):
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    box = "<bndbox><xmin>3</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    text = f"<annotation><object><name>dog</name>{part}{box}</object></annotation>"
    voc.text("Annotations/2008_000002.xml", text)
    labels = voc.read("test", **KEYS).test.targets[1]
    assert labels.boxes.tolist() == [[2, 2, 9, 9]]
    assert labels.size == (64, 48)


def test_classes_of_all_splits_count_whichever_is_asked_for(voc):
    voc.image("more/x.jpg")
    voc.xml("more/x.xml", [("bee", (1, 1, 5, 5))])
    keys = {**KEYS, "train_images_path": "more", "train_annotations_path": "more"}
    assert voc.read("test", **keys).class_names == ("ant", "bee", "cat", "dog")
    assert voc.read("train", **keys).class_names == ("ant", "bee", "cat", "dog")


def test_classes_file_gives_the_order(voc):
    voc.text("classes.txt", "dog\ncat\nant\n")
    assert voc.read("test", **KEYS).class_names == ("dog", "cat", "ant")


def test_images_without_xml_are_left_out_with_a_note(voc):
    voc.image("JPEGImages/idle.jpg")
    found = voc.read("test", **KEYS)
    assert len(found.test) == 3
    assert any("1 images have no XML file" in note for note in found.notes)


def test_image_is_found_by_the_stated_name(voc):
    voc.image("JPEGImages/other.png")
    voc.xml("Annotations/2008_000003.xml", [], filename="other.png")
    assert voc.read("test", **KEYS).test.name(2).endswith("other.png")


def test_missing_image_is_named(voc):
    (voc.root / "JPEGImages" / "2008_000002.jpg").unlink()
    with pytest.raises(DataError, match=r"2008_000002.xml: there is no image 2008_000002"):
        voc.read("test", **KEYS)
