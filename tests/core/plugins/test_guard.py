"""Check what passes the border around plugin code, and under which name."""

import pytest

from zoo_core import MissingError, PluginError, UserError
from zoo_core.plugins import plugin_code
from zoo_core.plugins.guard import describe_error


def test_unexpected_exception_names_the_plugin_and_keeps_its_cause():
    cause = ValueError("bad\n  value")
    with pytest.raises(PluginError) as caught, plugin_code("zoo-acme", "0.3", "build of model acme_net"):
        raise cause
    assert caught.value.message == "zoo-acme 0.3 failed in build of model acme_net: ValueError: bad value"
    assert "--debug" in str(caught.value.hint)
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("error", [UserError("x"), MissingError("x", hint="y"), PluginError("x")])
def test_errors_that_say_what_to_do_pass_unchanged(error):
    with pytest.raises(type(error)) as caught, plugin_code("zoo-acme", "0.3", "x"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_orders_to_stop_pass(error):
    with pytest.raises(error), plugin_code("zoo-acme", "0.3", "x"):
        raise error


def test_nothing_happens_where_nothing_fails():
    with plugin_code("zoo-acme", "0.3", "x"):
        done = True
    assert done


def test_description_of_an_error_is_one_short_line():
    assert describe_error(KeyError("a")) == "KeyError: 'a'"
    assert describe_error(ValueError()) == "ValueError"
    assert len(describe_error(ValueError("x" * 10_000))) < 600
