"""Check the choice of plugins: allow list, block list, environment."""

import pytest

from zoo_core import UserError
from zoo_core.plugins import PluginSelection, get_catalog


@pytest.fixture
def two(site, model_plugin):
    site.add("zoo-acme", model_plugin("acme_net"), entry="acme")
    site.add("zoo-other.parts", model_plugin("other_net", task="counting"), entry="other")
    return site


def loaded(catalog):
    return {report.distribution for report in catalog.reports if report.status != "disabled"}


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ({}, ("acme_net", "other_net")),
        ({"only": ("zoo-acme",)}, ("acme_net",)),
        ({"only": ("acme",)}, ("acme_net",)),
        ({"only": ("Zoo_Other-Parts",)}, ("other_net",)),
        ({"only": ()}, ()),
        ({"disabled": ("acme",)}, ("other_net",)),
        ({"disabled": ("zoo-other.parts", "zoo-acme")}, ()),
        ({"only": ("acme",), "disabled": ("acme",)}, ()),
        ({"only": ("core",)}, ()),
        ({"disabled": ("zoo-core", "acme")}, ("other_net",)),
    ],
)
def test_selection_decides_what_is_loaded_and_core_always_is(two, selection, names):
    catalog = two.catalog(**selection)
    assert catalog.models.names() == names
    assert "onnx_quantizer" in catalog.quantizers
    assert catalog.plugin("core").status == "ok"


def test_disabled_plugin_is_listed_but_not_imported(site):
    site.add("zoo-acme", "raise ValueError\n")
    catalog = site.catalog(only=())
    report = catalog.plugin("zoo-acme")
    assert (report.status, report.cause, report.version) == ("disabled", "left out by --plugins", "0.3")
    assert catalog.problems == ()
    with pytest.raises(UserError, match=r"not loaded on your request: .*zoo-acme"):
        catalog.models.get("acme_net")


def test_asking_for_a_plugin_that_is_not_installed_is_an_error(two):
    with pytest.raises(UserError) as caught:
        two.catalog(only=("zoo-acmee",))
    assert caught.value.message == '--plugins: plugin "zoo-acmee" is not installed. Did you mean zoo-acme?'
    assert "zoo-acme" in str(caught.value.hint)


def test_leaving_out_a_plugin_that_is_not_installed_is_only_told(two):
    catalog = two.catalog(disabled=("zoo-acmee",))
    assert catalog.problems == ('Left out on request: plugin "zoo-acmee" is not installed. Did you mean zoo-acme?',)


@pytest.mark.parametrize(
    ("text", "only"), [("a,b", ("a", "b")), (" a , ,b,", ("a", "b")), ("", ()), (" ", ()), (None, None)]
)
def test_environment_variable_is_an_allow_list(text, only):
    environ = {} if text is None else {"ZOO_PLUGINS": text}
    assert PluginSelection().with_environment(environ).only == only
    assert PluginSelection(disabled=("c",)).with_environment(environ).disabled == ("c",)
    assert PluginSelection(only=("z",)).with_environment(environ).only == ("z",), "the command line outranks it"


def test_get_catalog_reads_the_environment_and_builds_once(two, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "zoo-acme")
    catalog = get_catalog()
    assert loaded(catalog) == {"zoo-core", "zoo-acme"}
    assert get_catalog() is catalog
    monkeypatch.setenv("ZOO_PLUGINS", "zoo-nothing")
    with pytest.raises(UserError, match='ZOO_PLUGINS: plugin "zoo-nothing" is not installed'):
        get_catalog()
