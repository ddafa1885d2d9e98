"""Check core's own components, and that a catalogue of them costs nothing heavy."""

from zoo_core.plugins import PluginSelection, build_catalog
from zoo_core.plugins.manager import HEAVY_MODULES
from zoo_core.testing.isolation import run_isolated


def test_core_declares_its_components_through_the_hooks():
    catalog = build_catalog(PluginSelection(only=()))
    report = catalog.reports[0]
    assert (report.name, report.distribution, report.status) == ("core", "zoo-core", "ok")
    assert catalog.trainers.get("lightning").tasks is None
    assert catalog.quantizers.get("Onnx_quantizer").name == "onnx_quantizer"
    assert catalog.targets.get("host").abilities == {"benchmark", "infer"}


def test_core_is_there_without_being_installed():
    assert "lightning" in build_catalog(entry_points=()).trainers


def test_catalogue_of_all_installed_plugins_loads_nothing_heavy():
    done = run_isolated("from zoo_core.plugins import get_catalog; print(len(get_catalog().reports))")
    assert done.returncode == 0
    assert int(done.stdout) >= 6
    assert done.modules & (HEAVY_MODULES | {"pydantic", "typer"}) == set()
