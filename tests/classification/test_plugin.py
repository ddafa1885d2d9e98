"""The plugin module of image classification: what it declares, and that declaring it is cheap."""

import importlib.util

import pytest

import zoo_classification.config
from zoo_classification import plugin
from zoo_core.config.section import Section
from zoo_core.config.sections import DatasetSection
from zoo_core.plugins import get_catalog
from zoo_core.testing.isolation import run_isolated

HEAVY = {"torch", "torchvision", "timm", "lightning", "onnx", "onnxruntime", "numpy", "PIL", "sklearn", "matplotlib"}


def test_plugin_and_config_load_nothing_heavy():
    ran = run_isolated("import zoo_classification, zoo_classification.plugin, zoo_classification.config")
    assert ran.returncode == 0, ran.stderr
    assert HEAVY.isdisjoint({name.partition(".")[0] for name in ran.modules})


def test_catalog_holds_every_declared_component():
    catalog = get_catalog()
    for kind, specs in (
        ("tasks", plugin.zoo_tasks()),
        ("models", plugin.zoo_models()),
        ("datasets", plugin.zoo_datasets()),
    ):
        for spec in specs:
            named = [entry.spec for entry in catalog.registry(kind).find(spec.name, "classification")]
            assert spec in named


@pytest.mark.parametrize("alias", ["image_classification", "IMAGE_CLASSIFICATION"])
def test_task_answers_to_st_name(alias):
    assert get_catalog().tasks.get(alias).name == "classification"


def test_every_reference_leads_to_code():
    specs = [*plugin.zoo_tasks(), *plugin.zoo_models(), *plugin.zoo_datasets()]
    references = {spec.build for spec in specs}
    references |= {spec.config for spec in specs if hasattr(spec, "config")}
    for task in plugin.zoo_tasks():
        references |= {task.starter, *task.sections.values()}
    for reference in references:
        if "pytorchcv" not in reference.path or importlib.util.find_spec("pytorchcv") is not None:
            assert reference.load() is not None, reference.path


def test_config_classes_are_sections():
    for name in zoo_classification.config.__all__:
        assert issubclass(getattr(zoo_classification.config, name), Section)
    for spec in plugin.zoo_datasets():
        assert issubclass(spec.config.load(), DatasetSection)


def test_checkpoints_have_the_names_users_of_st_know():
    files = next(iter(plugin.zoo_tasks())).files
    assert (files.best, files.last) == ("model_best.pth.tar", "last.pth.tar")


def test_names_and_aliases_of_models_are_unique():
    names = [name.casefold() for spec in plugin.zoo_models() for name in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))


def test_any_timm_name_finds_the_timm_builder():
    resolved = get_catalog().models.resolve("efficientnet_lite0")
    assert (resolved.spec.name, resolved.name) == ("timm", "efficientnet_lite0")
