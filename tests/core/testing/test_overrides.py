"""No check of the kit can be left out without a reason that stands in the report."""

import pytest

from zoo_core.testing.conformance import TargetConformance

GUARD = "no_check_is_overridden_silently"
QUICK = """
    class TestQuick(TrackerConformance):
        tracker = "mlflow"
        needs_server = True
"""


def test_a_class_that_overrides_nothing_passes(check):
    found = check(QUICK)
    assert GUARD in found.passed
    assert found.failed == set()
    assert found.skipped["no_secrets_are_written"].endswith("TestQuick says needs_server = True")


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("def test_no_secrets_are_written(self): pass", "TestQuick.test_no_secrets_are_written"),
        ("test_no_secrets_are_written = None", "TestQuick.test_no_secrets_are_written"),
        ("@pytest.mark.xfail\n        def test_no_secrets_are_written(self): assert False", "xfail(reason=...)"),
        ("@pytest.mark.xfail(reason=' ')\n        def test_no_secrets_are_written(self): assert False", "xfail"),
        ("@pytest.mark.skip(reason='x')\n        def test_no_secrets_are_written(self): pass", "xfail(reason=...)"),
        ("supports_offline = False", "supports_offline is no capability"),
        ("needs_server = 1", "needs_server must be True or False"),
    ],
)
def test_silent_override_is_found(check, lines, word):
    found = check(f"{QUICK}\n        {lines}\n")
    assert found.failed == {GUARD}
    assert word in found.texts[GUARD]


def test_override_in_a_class_between_is_found(check):
    found = check(
        """
        class Acme(TrackerConformance):
            def test_no_secrets_are_written(self): pass
            needs_server = True
        class TestQuick(Acme):
            tracker = "mlflow"
        """
    )
    assert found.failed == {GUARD}
    assert "Acme.test_no_secrets_are_written" in found.texts[GUARD]


def test_override_with_a_reason_is_visible(check):
    lines = "@pytest.mark.xfail(reason='the vendor is at it')\n        def test_no_secrets_are_written(self): assert 0"
    found = check(f"{QUICK}\n        {lines}\n")
    assert found.failed == set()
    assert found.xfailed["no_secrets_are_written"] == "the vendor is at it"


def test_the_check_of_overrides_itself_cannot_be_overridden():
    with pytest.raises(TypeError, match="must not override"):
        type("TestSly", (TargetConformance,), {f"test_{GUARD}": lambda self: None})


def test_class_without_a_component_says_what_to_set(check):
    found = check("class TestNothing(QuantizerConformance): pass")
    assert "set quantizer = ..." in found.texts["model_is_valid"]


def test_component_that_is_not_installed_is_named_with_its_neighbour(check):
    found = check("class TestTypo(QuantizerConformance): quantizer = 'onnx_quantiser'")
    assert "Did you mean onnx_quantizer?" in found.texts["model_is_valid"]


def test_several_components_can_be_checked_by_one_class(check):
    found = check(
        """
        class TestAll(TrackerConformance):
            needs_server = True
            @pytest.fixture(scope="class", params=["mlflow", "no_such_tracker"])
            @classmethod
            def component(cls, request):
                return request.param
        """
    )
    assert "no_secrets_are_written[no_such_tracker]" in found.failed
    assert "needs_server = True" in found.skipped["no_secrets_are_written[mlflow]"]
