"""The section refuses what the named network does not take, all faults at once, and the table tells the truth."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from zoo_core.names import is_name
from zoo_reid.config import ReidModelSection
from zoo_reid.models.published_files import FILES, TIMM_NAMES
from zoo_reid.models.table import MODELS, WIDTHS, find


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"model_name": "embedder"}, ["backbone: embedder needs the name of a timm model"]),
        ({"model_name": "resnet18", "backbone": "resnet34"}, ["backbone: resnet18 has its own"]),
        (
            {"model_name": "osnet_a025", "backbone": "resnet34", "alpha": 0.5},
            ["backbone: osnet_a025 has its own", "alpha: osnet_a025 says its width itself"],
        ),
        (
            {"model_name": "embedder", "alpha": 0.5},
            ["backbone: embedder needs", "alpha: embedder has one width only; it is a key of mobilenetv1, mobilenetv2"],
        ),
        (
            {"model_name": "MobileNetV2", "alpha": 0.3},
            ["mobilenetv2 is published in the widths 0.35, 0.5, 0.75, 1, 1.3, 1.4, found 0.3"],
        ),
        ({"model_name": "osnet", "alpha": 1.4}, ["osnet is published in the widths 0.25, 0.5, 0.75, 1, found 1.4"]),
    ],
)
def test_faults_are_told_all_at_once(keys, words):
    with pytest.raises(ValidationError) as caught:
        ReidModelSection(**keys)
    for text in words:
        assert text in str(caught.value)


@pytest.mark.parametrize("family", WIDTHS)
def test_published_widths_are_taken(family):
    for width in WIDTHS[family]:
        assert ReidModelSection(model_name=family, alpha=width).alpha == width


def test_all_promised_names_are_there():
    names = {
        *(f"mobilenetv1_a{width}" for width in ("025", "050", "075", "100")),
        *(f"mobilenetv2_a{width}" for width in ("035", "050", "075", "100", "130", "140")),
        *(f"osnet_a{width}" for width in ("025", "050", "075", "100")),
        *("resnet18", "resnet34", "resnet50", "mobilenetv1", "mobilenetv2", "osnet", "embedder"),
        *(f"efficientnetv2{size}" for size in ("b0", "b1", "b2", "b3", "s")),
    }
    assert {row.name for row in MODELS} == names
    assert all(is_name(row.name) and row.licence and row.summary.endswith(".") for row in MODELS)
    assert {row.input.shape for row in MODELS} == {(3, 256, 128)}
    assert find("zoo-reid/OSNet_a025").width == 0.25


def test_table_names_the_data_sets_that_files_are_known_for():
    for row in MODELS:
        if row.width is not None and row.family in WIDTHS:
            key = (row.family, row.width)
            known = {file.dataset for file in FILES.get(key, ())} | ({"imagenet"} if key in TIMM_NAMES else set())
            assert set(row.pretrained) == known, row.name


def test_table_and_section_load_nothing_heavy():
    code = (
        "import sys, zoo_reid.models.table, zoo_reid.config.model; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'numpy', 'torchvision')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
