"""Names of files tell person and camera as the authors of each data set say."""

import pytest

from zoo_reid.config import ReidDatasetSection
from zoo_reid.data.forms import FORMS, read_name, stated_form
from zoo_reid.plugin import zoo_datasets


@pytest.mark.parametrize(
    ("form", "name", "expected"),
    [
        ("flat", "id1_1.jpg", ("id1", -1)),
        ("flat", "12_a_b.c.png", ("12", -1)),
        ("flat", "0002_c1s1_000451_03.jpg", ("0002", 1)),
        ("flat", "0007_c12_01.jpg", ("0007", 12)),
        ("flat", "0007_c3.jpg", ("0007", 3)),
        ("flat", "0007_c3x_1.jpg", ("0007", -1)),
        ("flat", "0007_1_c3.jpg", ("0007", -1)),
        ("flat", "nobody.jpg", ("", -1)),
        ("flat", "_1.jpg", ("", -1)),
        ("market1501", "0002_c1s1_000451_03.jpg", ("0002", 1)),
        ("market1501", "-1_c6s4_000451_03.jpg", ("-1", 6)),
        ("market1501", "0000_c2s1_000451_03.jpg", ("0000", 2)),
        ("market1501", "0001_c2_f0046182.jpg", ("", -1)),
        ("dukemtmc", "0001_c2_f0046182.jpg", ("0001", 2)),
        ("msmt17", "0000/0000_000_01_0303morning_0008_0.jpg", ("0000", 1)),
        ("msmt17", "0031/0031_007_15_0303noon_0008_0_ex.jpg", ("0031", 15)),
        ("msmt17", "0031_007_15_0303noon_0008_0.jpg", ("0031", 15)),
        ("msmt17", "0031/portrait.jpg", ("", -1)),
        ("deepsportradar", "0012_0003_0001.jpeg", ("0012", -1)),
        ("deepsportradar", "0012_c3_0001.jpeg", ("0012", -1)),
        ("folders", "s1/10.pgm", ("s1", -1)),
        ("folders", "Ann_Lee/c4_0001.jpg", ("Ann_Lee", 4)),
        ("folders", "7/day 2/0002_c1s1_000451_03.jpg", ("7", 1)),
        ("folders", "loose.jpg", ("", -1)),
    ],
)
def test_names_tell_person_and_camera(form, name, expected):
    assert read_name(form, name) == expected


def test_every_name_and_alias_of_a_data_set_means_its_form():
    for spec in zoo_datasets():
        for name in {spec.name, *spec.aliases} - {"custom"}:
            assert FORMS[name] == spec.name


def test_a_stated_form_wins_over_the_name_of_the_data_set():
    section = ReidDatasetSection(format="folders", dataset_name="Market1501")
    assert stated_form(section) == "folders"
    assert stated_form(ReidDatasetSection(dataset_name="DeepSportradar")) == "deepsportradar"
    assert stated_form(ReidDatasetSection(dataset_name="zoo-reid/market1501")) == "market1501"
    assert stated_form(ReidDatasetSection(dataset_name="my cats")) is None
