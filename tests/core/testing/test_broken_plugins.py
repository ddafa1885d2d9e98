"""A plugin that breaks one rule fails exactly the check of that rule, and a good one fails none."""

import pytest

CHECKS = """
    class TestPlugin(PluginConformance):
        distribution = "zoo-acme"
"""
PLUGIN = """
    from zoo_core import LazyRef, QuantizerSpec, hookimpl

    zoo_api = 1
    {head}

    @hookimpl
    def zoo_quantizers():
        yield QuantizerSpec(
            name="{name}",
            summary="Rounds.",
            build=LazyRef("{build}"),
            config=LazyRef("{config}"),
        )
"""
CONFIG = """
    from pydantic import ConfigDict, field_serializer, field_validator
    from zoo_core.config.section import Section
    from zoo_core.config.sections import QuantizationSection

    class AcmeSection(QuantizationSection):
        bits: int = 8
        weights: tuple[float, ...] = (1.0, 2.0)

    class Lenient(AcmeSection):
        model_config = ConfigDict(extra="allow")

    class OneWay(AcmeSection):
        @field_validator("bits", mode="before")
        @classmethod
        def _read(cls, value):
            if value not in (4, 8, "many"):
                raise ValueError("4 or 8")
            return 8 if value == "many" else value

        @field_serializer("bits")
        def _write(self, value):
            return f"{value} bits"

    class Forgetful(AcmeSection):
        @field_serializer("weights")
        def _write(self, value):
            return (1.0, 2.0)

    class Needy(AcmeSection):
        mask: int

        @field_validator("mask")
        @classmethod
        def _check(cls, value):
            if value != 77:
                raise ValueError("77 is the only one")
            return value

    class NoSection:
        pass
"""
MODULE = "VALUE = 3\n\ndef build(section):\n    return object()\n"


def plugin(*, head="", name="acme_rounding", build="zoo_acme.rounding:build", config="zoo_acme.config:AcmeSection"):
    return PLUGIN.format(head=head, name=name, build=build, config=config)


def test_good_plugin_passes_every_check(install, check):
    install(plugin(), rounding=MODULE, config=CONFIG)
    found = check(CHECKS)
    assert found.failed == set(), found.texts
    assert found.skipped == {}
    assert len(found.passed) == 9


BROKEN_PLUGINS = (
    ({"head": "import numpy"}, "module_is_imported_quickly_and_without_heavy_packages", "numpy"),
    ({"head": "import time; time.sleep(3)"}, "module_is_imported_quickly_and_without_heavy_packages", "100 ms"),
    ({"head": "del zoo_api"}, "version_of_the_plugin_interface_is_stated", "write zoo_api = 1"),
    ({"name": "onnx_quantizer"}, "nothing_is_wrong_with_it", "zoo-core"),
    ({"build": "zoo_acme.rounding:bild"}, "everything_that_is_named_can_be_loaded", "bild"),
    ({"build": "zoo_acme.rounding:VALUE"}, "everything_that_is_named_can_be_loaded", "cannot be called"),
    ({"build": "zoo_acme.absent:build"}, "everything_that_is_named_can_be_loaded", "zoo_acme.absent"),
    ({"config": "zoo_acme.config:OneWay"}, "sections_survive_yaml", "does not read back what it wrote: bits"),
    ({"config": "zoo_acme.config:Forgetful"}, "sections_survive_yaml", "is another one after YAML"),
    ({"config": "zoo_acme.config:Needy"}, "sections_survive_yaml", "override example()"),
    ({"config": "zoo_acme.config:Lenient"}, "sections_refuse_unknown_keys", "Lenient"),
)


@pytest.mark.parametrize(
    ("changes", "failing", "word"),
    [
        row if place in (0, 3, 4, 7) else pytest.param(*row, marks=pytest.mark.slow)
        for place, row in enumerate(BROKEN_PLUGINS)
    ],
)
def test_broken_rule_is_the_one_failure(install, check, changes, failing, word):
    install(plugin(**changes), rounding=MODULE, config=CONFIG)
    found = check(CHECKS)
    assert found.failed == {failing}, found.texts
    assert word in found.texts[failing]


@pytest.mark.slow
def test_class_that_is_no_section_is_told(install, check):
    install(plugin(config="zoo_acme.config:NoSection"), rounding=MODULE, config=CONFIG)
    found = check(CHECKS)
    assert "is no subclass of zoo_core.config.section.Section" in found.texts["everything_that_is_named_can_be_loaded"]


@pytest.mark.slow
def test_illegal_name_is_told(install, check):
    install(plugin(name="Acme Net"), rounding=MODULE, config=CONFIG)
    found = check(CHECKS)
    assert found.failed == {"nothing_is_wrong_with_it", "something_is_declared"}
    assert 'quantizer name "Acme Net" is not [a-z0-9_]' in found.texts["nothing_is_wrong_with_it"]


@pytest.mark.slow
def test_entry_point_with_another_name_is_told(install, check):
    install(plugin(), entry="acme_plugin", rounding=MODULE, config=CONFIG)
    found = check(CHECKS)
    assert found.failed == {"entry_point_has_the_name_of_the_distribution"}
    assert 'call it "acme"' in found.texts["entry_point_has_the_name_of_the_distribution"]


@pytest.mark.slow
def test_package_that_is_not_installed_is_a_visible_skip(install, check):
    install(plugin(), rounding="import acme_ops_absent\n" + MODULE, config=CONFIG)
    found = check(CHECKS)
    assert found.failed == set()
    assert "acme_ops_absent" in found.skipped["everything_that_is_named_can_be_loaded"]


@pytest.mark.slow
def test_example_helps_where_keys_cannot_be_guessed(install, check):
    install(plugin(config="zoo_acme.config:Needy"), rounding=MODULE, config=CONFIG)
    found = check(f"{CHECKS}\n        def example(self, section): return {{'mask': 77}}\n")
    assert found.failed == set()


def test_distribution_that_is_not_installed_is_told(check):
    found = check(CHECKS)
    assert "zoo-acme is not installed" in found.texts["nothing_is_wrong_with_it"]
