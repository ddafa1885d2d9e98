"""The plugin module of re-identification: what it declares, that declaring it is cheap, and its starter."""

from __future__ import annotations

import pytest

import zoo_reid.config
from zoo_core.cli.main import run_cli
from zoo_core.config.load import load_config
from zoo_core.config.section import Section
from zoo_core.config.sections import DatasetSection
from zoo_core.data.shapes.plan import ShapesPlan
from zoo_core.data.shapes.writing import write_shapes
from zoo_core.plugins import get_catalog
from zoo_core.testing.isolation import run_isolated
from zoo_core.training.silence import SilentProgress
from zoo_reid import plugin
from zoo_reid.data.forms import EXPECTED, FORMS
from zoo_reid.starter import TEXT

HEAVY = {"torch", "torchvision", "timm", "lightning", "onnx", "onnxruntime", "numpy", "PIL", "sklearn", "matplotlib"}


def test_plugin_and_config_load_nothing_heavy():
    ran = run_isolated("import zoo_reid, zoo_reid.plugin, zoo_reid.config")
    assert ran.returncode == 0, ran.stderr
    assert HEAVY.isdisjoint({name.partition(".")[0] for name in ran.modules})


def test_catalog_holds_every_declared_component():
    catalog = get_catalog()
    (task,) = plugin.zoo_tasks()
    assert catalog.tasks.get("reid") == task
    for spec in plugin.zoo_datasets():
        assert catalog.datasets.get(f"zoo-reid/{spec.name}") == spec
    for spec in plugin.zoo_models():
        assert catalog.models.get(f"zoo-reid/{spec.name}") == spec


@pytest.mark.parametrize("alias", ["re_identification", "RE_IDENTIFICATION", "person_reid"])
def test_task_answers_to_st_name(alias):
    assert get_catalog().tasks.get(alias).name == "reid"


def test_every_reference_leads_to_code():
    specs = [*plugin.zoo_tasks(), *plugin.zoo_models(), *plugin.zoo_datasets()]
    references = {spec.build for spec in specs}
    references |= {spec.config for spec in specs if hasattr(spec, "config")}
    references |= {spec.writer for spec in specs if getattr(spec, "writer", None)}
    for task in plugin.zoo_tasks():
        references |= {task.starter, *task.sections.values()}
    for reference in references:
        assert reference.load() is not None, reference.path


def test_config_classes_are_sections():
    for name in zoo_reid.config.__all__:
        assert issubclass(getattr(zoo_reid.config, name), Section)
    for spec in plugin.zoo_datasets():
        assert issubclass(spec.config.load(), DatasetSection)


def test_names_and_aliases_are_unique():
    for specs in (plugin.zoo_models(), plugin.zoo_datasets()):
        names = [name.casefold() for spec in specs for name in (spec.name, *spec.aliases)]
        assert len(names) == len(set(names))


def test_models_of_st_are_there():
    names = {spec.name for spec in plugin.zoo_models()}
    st = {
        "mobilenetv1": ("025", "050", "075", "100"),
        "mobilenetv2": ("035", "050", "075", "100", "130", "140"),
        "osnet": ("025", "050", "075", "100"),
    }
    assert {f"{family}_a{width}" for family, widths in st.items() for width in widths} <= names


def test_data_sets_are_the_forms_that_are_read():
    declared = {
        name: spec.name
        for spec in plugin.zoo_datasets()
        for name in (spec.name, *spec.aliases)
        if name != "custom"  # of other use cases too; says nothing of the form
    }
    assert declared == FORMS
    assert {spec.name for spec in plugin.zoo_datasets()} == set(EXPECTED)


def test_files_have_the_names_users_of_st_know():
    (task,) = plugin.zoo_tasks()
    assert (task.files.headless, task.files.best) == ("best_model.pt", "best_model_classification.pt")
    assert task.files.evaluation_in_run


def test_keys_that_tell_the_use_case_are_real():
    """Each is a field of a section of this use case."""
    (task,) = plugin.zoo_tasks()
    sections = {name: reference.load() for name, reference in task.sections.items()}
    sections["dataset"] = plugin.DATASET_SECTION.load()
    for key in task.keys:
        section, _, field = key.partition(".")
        assert section in sections
        assert not field or field in sections[section].model_fields, key


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The figures that the comment of the starter tells to draw, fewer of them."""
    folder = tmp_path_factory.mktemp("drawn") / "shapes"
    write_shapes(folder, ShapesPlan(images=10, size=64, identities=4), SilentProgress())
    return folder


@pytest.fixture
def started(drawn, tmp_path, capsys):
    """The file of `zoo init reid` beside the figures."""
    (tmp_path / "shapes").symlink_to(drawn)
    path = tmp_path / "reid.yaml"
    assert run_cli(["init", "reid", "--output", str(path)]) == 0
    capsys.readouterr()
    return path


def test_the_starter_is_accepted(started):
    assert started.read_text(encoding="utf-8") == TEXT
    loaded = load_config(started, catalog=get_catalog())
    assert (loaded.config.use_case, loaded.letters) == ("reid", "tqe")
    assert (loaded.warnings, loaded.selection.missing) == ((), ())
    assert loaded.config.data_augmentation.order == (
        "random_flip", "random_brightness", "random_contrast", "random_hsv",
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["chain_tqeb", "training"])
@pytest.mark.parametrize("model", ["mobilenetv2_a035", "osnet_a100"])
def test_the_starter_goes_on_with_other_modes_and_models(started, mode, model):
    overrides = (f"operation_mode={mode}", f"model.model_name={model}")
    loaded = load_config(started, overrides, catalog=get_catalog())
    assert loaded.config.use_case == "reid"
    assert loaded.selection.model.spec.name == model
