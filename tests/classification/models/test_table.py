"""The table of networks: light, without clashes, and complete in the names that users of ST know."""

import ast
from pathlib import Path

import pytest

from zoo_classification.models import table
from zoo_classification.models.pytorchcv_files import FILES, address, scaled
from zoo_classification.models.table import MODELS, find
from zoo_core.config.dialects.st_v3 import model_name
from zoo_core.config.lookup import within_task
from zoo_core.errors import UserError
from zoo_core.plugins import get_catalog
from zoo_core.testing.isolation import run_isolated

ST_TORCH = """
darknettiny_pt fdmobilenet_a025_pt fdmobilenet_a050_pt fdmobilenet_a075_pt hardnet39ds_pt mobilenet_a025_pt
mobilenet_a050_pt mobilenet_a075_pt mobilenetb_a025_pt mobilenetb_a050_pt mobilenetb_a075_pt mobilenetv2_a025_pt
mobilenetv2_a075_pt mobilenetv2b_a025_pt mobilenetv2b_a050_pt mobilenetv2b_a075_pt mobilenetv2b_a100_pt peleenet_pt
preresnet18_a025_pt proxylessnas_pt regnetx002_pt resnet18wd4_pt shufflenetv2b_x050_pt shufflenetv2b_x100_pt
sqnxt23_x100_pt sqnxt23_x150_pt sqnxt23_x200_pt sqnxt23v5_x100_pt sqnxt23v5_x150_pt sqnxt23v5_x200_pt squeezenetv10_pt
dla46c_pt dla46xc_pt dla60xc_pt mobilenetv2_a050_pt mobilenetv2_a100_pt mobilenetv4small_pt semnasnet100_pt
mnasnet_d050_pt shufflenetv2_x050_pt shufflenetv2_x100_pt st_resnetpico_actrelu_pt st_resnetnano_actrelu_pt
st_resnetmicro_actrelu_pt st_resnetmilli_actrelu_pt st_resnettiny_actrelu_pt fasternet_t0_pt fasternet_t1_pt
fasternet_t2_pt fasternet_s_pt fasternet_m_pt fasternet_l_pt mobilenet_v1_pt mobilenet_v1_0.25_pt
mobilenet_v1_0.25_96px_pt mobilenetv2_w035_pt
""".split()  # noqa: SIM905 - a list of words is read, not written
"""Names that ST's torch services register for classification, without EdgeViT, which no library here holds."""

ST_KERAS = """
mobilenetv1_a025 mobilenetv1_a050 mobilenetv1_a075 mobilenetv1_a100 mobilenetv2_a035 mobilenetv2_a050 mobilenetv2_a075
mobilenetv2_a100 mobilenetv2_a130 mobilenetv2_a140 fdmobilenet_a025 fdmobilenet_a050 fdmobilenet_a075 fdmobilenet_a100
efficientnetv2b0 efficientnetv2b1 efficientnetv2b2 efficientnetv2b3 efficientnetv2s resnet8 resnet20 resnet32
resnet50v2 squeezenetv11 st_efficientnetlcv1 st_fdmobilenetv1 st_mnistv1
""".split()  # noqa: SIM905 - as above


@pytest.mark.parametrize("name", [*ST_TORCH, *ST_KERAS])
def test_name_of_st_stands_for_a_network(name):
    spec = within_task(get_catalog().models, name, "classification").spec
    assert spec.family is None
    assert spec.task == "classification"
    assert find(name).name == spec.name


@pytest.mark.parametrize(
    ("name", "parts", "row"),
    [
        ("mobilenet", {"version": "v1", "alpha": 0.25}, "mobilenet_a025_pt"),
        ("mobilenet", {"version": "v2", "alpha": 0.35}, "mobilenetv2_a035_pt"),
        ("fdmobilenet", {"alpha": 0.25}, "fdmobilenet_a025"),
        ("squeezenet", {"version": "v1.1"}, "squeezenetv11_pt"),
        ("st_efficientnet_lc", {"version": "v1"}, "st_efficientnetlcv1"),
        ("st_fdmobilenet", {"version": "v1"}, "st_fdmobilenetv1"),
        ("resnet", {"version": "v1", "depth": 32}, "resnet32"),
        ("efficientnet_v2", {"version": "B2"}, "efficientnetv2b2"),
        ("stmnist", {}, "st_mnistv1"),
    ],
)
def test_names_of_older_files_are_found(name, parts, row):
    assert find(model_name(name, parts)).name == row


def test_lookup_ignores_case_and_distribution():
    assert find("zoo-classification/MobileNet_v1_0.25_pt") is find("mobilenet_a025_pt")


def test_unknown_name_is_a_users_error():
    with pytest.raises(UserError, match="Did you mean"):
        find("mobilenet_a026_pt")


def test_table_imports_nothing_heavy():
    tree = ast.parse(Path(table.__file__).read_text(encoding="utf-8"))
    assert [node for node in ast.walk(tree) if isinstance(node, ast.Import)] == []
    ran = run_isolated("import zoo_classification.models.table, zoo_classification.models.pytorchcv_files")
    assert ran.returncode == 0, ran.stderr
    assert {"torch", "timm", "numpy", "pytorchcv"}.isdisjoint({name.partition(".")[0] for name in ran.modules})


def test_every_row_makes_a_faultless_spec():
    specs = {spec.name: spec for spec in (entry.spec for entry in get_catalog().models.find("*", "classification"))}
    for row in MODELS:
        assert specs[row.name].faults() == ()
        assert specs[row.name].input == row.input
        assert bool(specs[row.name].pretrained) is bool(row.weights)


def test_summary_states_size_and_library():
    assert find("mobilenet_a025_pt").summary == "MobileNetV1 0.25, 0.47 M parameters, 41 M MACs."
    assert find("dla46c_pt").summary == "DLA-46-C, 1.30 M parameters, 574 M MACs (timm dla46_c)."
    assert find("st_mnistv1").summary == "ST MNIST v1, 9.9 k parameters, 1.1 M MACs."


def test_addresses_of_pytorchcv_are_those_of_the_package():
    store = pytest.importorskip("pytorchcv.models.common.model_store")
    known = store.get_model_metainfo_dict()
    for network, (error, sha1, release) in FILES.items():
        assert known[network][1:] == (error, sha1, release)
    rows = [row for row in MODELS if row.weights == "pytorchcv"]
    used = {row.source if row.library == "pytorchcv" else scaled(row.source, row.width) for row in rows}
    assert used == set(FILES)
    assert address("mobilenet_wd4")[0].endswith("/v0.0.62/mobilenet_wd4-2249-1ad5e8fe.pth.zip")


def test_no_name_hides_another_network_of_timm():
    """A name of the table comes before timm's; it may not stand for something else there."""
    timm = pytest.importorskip("timm")
    for row in MODELS:
        for name in (row.name, *row.aliases):
            assert not timm.is_model(name), name
