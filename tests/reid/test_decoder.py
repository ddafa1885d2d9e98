"""Answers of a search over embeddings that are made by hand."""

import csv
import json
import math
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import DataError, UnreadableImageError, UserError
from zoo_core.protocols import GatheringDecoder, Sample
from zoo_core.services.prediction import PredictionService
from zoo_reid.config import ReidPredictionSection
from zoo_reid.decoder import ReidDecoder
from zoo_reid.labels import BOTH, GALLERY, QUERY, PersonLabel
from zoo_reid.strips import RIGHT, WRONG

ROOT2 = math.sqrt(2)
GALLERY_ROWS = [
    ("g/ben.jpg", [0, 3], "ben", 1),
    ("g/ann.jpg", [4, 3], "ann", 0),
    ("g/ann_again.jpg", [-2, 0], "ann", 2),
]
"""Embeddings of a gallery; seen from the direction (1, 0) their cosines are 0, 0.8 and -1."""


def person(identity, role, camera=-1):
    return PersonLabel(identity=identity, camera=camera, role=role)


def searched(queries, gallery=GALLERY_ROWS, batch=2, **section):
    """Return the decoder after queries (name, embedding, identity) and a gallery came in batches."""
    decoder = ReidDecoder(ReidPredictionSection(**section), features=2)
    rows = [(name, row, person(identity, QUERY)) for name, row, identity in queries]
    rows += [(name, row, person(identity, GALLERY, camera)) for name, row, identity, camera in gallery]
    for start in range(0, len(rows), batch):
        gather(decoder, rows[start : start + batch])
    return decoder


def gather(decoder, rows):
    names, vectors, labels = zip(*rows, strict=True)
    decoder.gather([np.array(vectors, np.float32)], names, list(labels), [(64, 128)] * len(rows))


def test_it_is_asked_for_all_images_together():
    decoder = ReidDecoder(None, features=2)
    assert isinstance(decoder, GatheringDecoder)


def test_cosine_distances_and_order_by_hand():
    (record,) = searched([("q/a.jpg", [5, 0], "ann")]).records()
    assert [match["image"] for match in record["matches"]] == ["g/ann.jpg", "g/ben.jpg", "g/ann_again.jpg"]
    assert [match["distance"] for match in record["matches"]] == pytest.approx([0.2, 1.0, 2.0], abs=1e-6)
    assert [match["right"] for match in record["matches"]] == [True, False, True]
    assert [match["identity"] for match in record["matches"]] == ["ann", "ben", "ann"]
    assert [match["camera"] for match in record["matches"]] == [0, 1, 2]
    assert (record["image"], record["identity"], record["true_identity"]) == ("q/a.jpg", "ann", "ann")
    assert record["distance"] == pytest.approx(0.2, abs=1e-6)
    assert record["right"] is True


def test_euclidean_distances_are_those_of_vectors_of_length_one():
    (record,) = searched([("q/a.jpg", [5, 0], "ann")], reid_distance_metric="euclidean").records()
    wanted = [math.hypot(0.2, 0.6), ROOT2, 2.0]
    assert [match["distance"] for match in record["matches"]] == pytest.approx(wanted, abs=1e-6)


def test_the_nearest_picture_may_show_somebody_else():
    first, second = searched([("q/a.jpg", [0, 1], "ann"), ("q/b.jpg", [-1, 0.1], "ben")]).records()
    assert (first["identity"], first["right"]) == ("ben", False)
    assert first["distance"] == pytest.approx(0, abs=1e-6)
    assert (second["identity"], second["right"]) == ("ann", False)
    assert second["matches"][0]["image"] == "g/ann_again.jpg"


@pytest.mark.parametrize("ranks", [1, 2, 3, 10])
def test_as_many_matches_as_asked_for_or_as_there_are(ranks):
    (record,) = searched([("q/a.jpg", [1, 0], "ann")], ranks=ranks).records()
    assert len(record["matches"]) == min(ranks, 3)


def test_many_queries_agree_with_a_plain_sort():
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(60, 7))
    decoder = ReidDecoder(ReidPredictionSection(ranks=5), features=7)
    roles = [QUERY if place < 20 else GALLERY for place in range(60)]
    gather(decoder, [(str(place), vectors[place], person(f"p{place % 9}", roles[place])) for place in range(60)])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for query, record in enumerate(decoder.records()):
        order = sorted(range(20, 60), key=lambda place: 1 - unit[query] @ unit[place])[:5]
        assert [match["image"] for match in record["matches"]] == [str(place) for place in order]
        assert record["identity"] == f"p{order[0] % 9}"
        assert [match["right"] for match in record["matches"]] == [place % 9 == query % 9 for place in order]


def test_names_without_a_person_are_neither_right_nor_wrong():
    gallery = [("g/x.jpg", [1, 0], "", -1), ("g/ann.jpg", [0, 1], "ann", -1)]
    known, unknown = searched([("q/a.jpg", [1, 0.1], "ann"), ("q/b.jpg", [0, 1], "")], gallery).records()
    assert (known["identity"], known["right"], known["true_identity"]) == (None, None, "ann")
    assert [match["right"] for match in known["matches"]] == [None, True]
    assert [match["camera"] for match in known["matches"]] == [None, None]
    assert (unknown["identity"], unknown["right"], unknown["true_identity"]) == ("ann", None, None)


def test_pictures_of_both_parts_are_searched_for_among_all_others():
    decoder = ReidDecoder(None, features=2)
    rows = [("1", [1, 0], "ann"), ("2", [1, 0.1], "ann"), ("3", [0, 1], "ben")]
    gather(decoder, [(name, row, person(identity, BOTH)) for name, row, identity in rows])
    found = {record["image"]: [match["image"] for match in record["matches"]] for record in decoder.records()}
    assert found == {"1": ["2", "3"], "2": ["1", "3"], "3": ["2", "1"]}


def test_the_same_file_in_query_and_gallery_is_not_found_by_itself():
    gallery = [("a.jpg", [1, 0], "ann", -1), *GALLERY_ROWS]
    (record,) = searched([("a.jpg", [1, 0], "ann")], gallery, ranks=2).records()
    assert [match["image"] for match in record["matches"]] == ["g/ann.jpg", "g/ben.jpg"]


def test_one_query_without_others_has_no_answer():
    gallery = [("a.jpg", [1, 0], "ann", -1)]
    alone, other = searched([("a.jpg", [1, 0], "ann"), ("b.jpg", [0, 1], "ben")], gallery).records()
    assert (alone["identity"], alone["distance"], alone["right"], alone["matches"]) == (None, None, None, [])
    assert other["matches"][0]["image"] == "a.jpg"
    picture = ReidDecoder(None, features=2).draw_record(alone, lambda _: Image.new("RGB", (10, 20)))
    assert picture.width > 100


def test_a_gallery_of_the_query_alone_is_refused():
    with pytest.raises(DataError, match="nothing but the queries"):
        searched([("a.jpg", [1, 0], "ann")], [("a.jpg", [1, 0], "ann", -1)]).records()


def test_no_query_is_refused():
    with pytest.raises(DataError, match=r"None of the queries.*\n.*prediction_query_path"):
        searched([]).records()


def test_no_gallery_is_refused():
    with pytest.raises(DataError, match=r"pictures of the gallery.*\n.*prediction_gallery_path"):
        searched([("a.jpg", [1, 0], "ann")], []).records()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    with pytest.raises(UserError, match="not finite"):
        searched([("a.jpg", [1, bad], "ann")])


def test_embeddings_with_trailing_axes_and_further_outputs_are_read():
    decoder = ReidDecoder(None, features=2)
    outputs = [np.array([3, 4, 0, 5], np.float32).reshape(2, 2, 1, 1), np.ones((2, 9), np.float32)]
    decoder.gather(outputs, ["q", "g"], [person("ann", QUERY), person("ann", GALLERY)], [(1, 1)] * 2)
    assert decoder.records()[0]["distance"] == pytest.approx(0.2, abs=1e-6)


def test_single_images_give_their_embedding():
    outputs = [np.array([[0.12345678, -2], [3, 4]], np.float32)]
    records = ReidDecoder(None, features=2).decode(outputs, [(5, 6)] * 2)
    assert records == [{"embedding": [0.123457, -2.0]}, {"embedding": [3.0, 4.0]}]


def test_the_picture_of_a_single_image_keeps_its_colour():
    image = Image.new("L", (40, 80), 77)
    drawn = ReidDecoder(None, features=2).draw(image, {"embedding": [3.0, 4.0]})
    assert drawn.mode == "RGB"
    assert (drawn.getpixel((drawn.width // 2, drawn.height // 2))) == (77, 77, 77)
    assert image.getpixel((0, 0)) == 77


def test_the_description_is_that_of_the_family_of_embeddings():
    section = ReidPredictionSection(reid_distance_metric="euclidean")
    told = ReidDecoder(section, features=512, normalized=True).describe()
    assert json.loads(json.dumps(told)) == {
        "type": "embedding",
        "family": "embedding",
        "features": 512,
        "normalized": True,
    }


def test_records_are_json():
    record = searched([("q/a.jpg", [5, 0], "ann")]).records()
    assert json.loads(json.dumps(record)) == record


def test_the_strip_reads_the_query_and_its_matches_in_order():
    decoder = searched([("q/a.jpg", [5, 0], "ann")])
    asked = []

    def read(name):
        asked.append(name)
        return Image.new("RGB", (32, 64), (0, 0, 255))

    drawn = decoder.draw_record(decoder.records()[0], read)
    assert asked == ["q/a.jpg", "g/ann.jpg", "g/ben.jpg", "g/ann_again.jpg"]
    assert drawn.mode == "RGB"


def test_a_session_may_use_its_output_again():
    decoder, buffer = ReidDecoder(None, features=2), np.array([[1, 0]], np.float32)
    for name, row, role in (("q", [1, 0], QUERY), ("far", [0, 1], GALLERY), ("near", [1, 0.1], GALLERY)):
        buffer[:] = row
        decoder.gather([buffer], [name], [person("ann", role)], [(1, 1)])
    assert [match["image"] for match in decoder.records()[0]["matches"]] == ["near", "far"]


class Folder:
    """Pictures of one colour each; no colour stands for a file that cannot be read."""

    def __init__(self, rows):
        self.rows = rows
        self.targets = [label for _, _, label in rows]

    def __len__(self):
        return len(self.rows)

    def name(self, index):
        return self.rows[index][0]

    def __getitem__(self, index):
        name, colour, label = self.rows[index]
        if colour is None:
            raise UnreadableImageError(name, "the image is truncated")
        return Sample(Image.new("RGB", (20, 40), colour), label, name)


class Run:
    """A run whose model gives the mean colour of an image as its embedding."""

    def __init__(self, root, rows):
        self.layout = SimpleNamespace(root=root)
        self.rows = Folder(rows)
        preprocessing = ImagePreprocessing(input=InputSpec(3, 4, 2))
        decoder = ReidDecoder(ReidPredictionSection(batch_size=3, ranks=2), features=3)
        self.task = SimpleNamespace(preprocessing=preprocessing, decoder=lambda: decoder)
        self.config = SimpleNamespace(prediction=decoder.section, dataset=SimpleNamespace(workers=0))
        self.progress = SimpleNamespace(track=lambda *_: nullcontext(SimpleNamespace(advance=lambda *_: None)))

    def dataset(self, _split):
        return self.rows

    def open_session(self, _model):
        return SimpleNamespace(run=lambda images: [images.mean(axis=(2, 3))])


REDDISH, DARKER, BLUISH, GREENISH = (250, 20, 10), (120, 12, 6), (10, 20, 250), (20, 250, 10)
PEOPLE = [
    ("q/1/x.jpg", REDDISH, person("ann", QUERY, 0)),
    ("q/2/x.jpg", BLUISH, person("ben", QUERY, 0)),
    ("q/bad.jpg", None, person("ann", QUERY, 0)),
    ("g/1.jpg", GREENISH, person("cem", GALLERY, 1)),
    ("g/bad.jpg", None, person("ben", GALLERY, 1)),
    ("g/2.jpg", DARKER, person("ann", GALLERY, 0)),
]


def framed_below(strip, colour):
    """Return the colour just outside of the lower edge of the picture of one colour."""
    rows, columns = np.nonzero((np.asarray(strip) == np.array(colour, np.uint8)).all(axis=2))
    return strip.getpixel((int(columns.mean()), int(rows.max()) + 1))


def test_a_prediction_writes_strips_and_leaves_out_what_cannot_be_read(tmp_path):
    model = SimpleNamespace(path=Path("model.onnx"))
    result = PredictionService().run(Run(tmp_path, PEOPLE), None, model).result
    assert result.images == 2
    assert [file.path for file in result.skipped] == ["q/bad.jpg", "g/bad.jpg"]
    data = json.loads((tmp_path / "predictions.json").read_text())["predictions"]
    assert [(one["image"], one["picture"], one["identity"], one["right"]) for one in data] == [
        ("q/1/x.jpg", "x.jpg.png", "ann", True),
        ("q/2/x.jpg", "x_2.jpg.png", "cem", False),
    ]
    assert [match["image"] for match in data[0]["matches"]] == ["g/2.jpg", "g/1.jpg"]
    with (tmp_path / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["image", "picture", "identity", "distance", "true_identity", "right"]
    assert [row["true_identity"] for row in rows] == ["ann", "ben"]
    with Image.open(tmp_path / "predictions" / "x.jpg.png") as strip:
        assert (framed_below(strip, DARKER), framed_below(strip, GREENISH)) == (RIGHT, WRONG)
    with Image.open(tmp_path / "predictions" / "x_2.jpg.png") as strip:
        assert (framed_below(strip, DARKER), framed_below(strip, GREENISH)) == (WRONG, WRONG)


@pytest.mark.parametrize(("left", "message"), [(PEOPLE[2:], "None of the queries"), (PEOPLE[:3], "of the gallery")])
def test_a_prediction_without_one_of_both_parts_is_refused(tmp_path, left, message):
    with pytest.raises(DataError, match=message):
        PredictionService().run(Run(tmp_path, left), None, SimpleNamespace(path=Path("model.onnx")))
