"""A kind and a use case choose what is written, or the message says what can be chosen."""

import pytest

from zoo_core.plugins.catalog import KINDS as CATALOG_KINDS
from zoo_core.scaffold.kinds import KINDS, VARIANTS, choose


def test_every_kind_but_whole_use_cases_can_be_written() -> None:
    assert {f"{kind}s" for kind in KINDS} == set(CATALOG_KINDS) - {"tasks"}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.templates)
def test_each_variant_can_be_chosen(variant) -> None:
    assert choose(variant.kind, variant.task or None) == (variant, [])


def test_a_model_is_a_classifier_when_nothing_is_said() -> None:
    variant, problems = choose("model", None)
    assert problems == []
    assert variant is not None
    assert variant.task == "classification"


@pytest.mark.parametrize(
    ("kind", "task", "text"),
    [
        ("modle", None, 'there is no kind "modle"; possible are model, dataset, trainer, quantizer, target, tracker.'),
        ("modle", None, "Did you mean model?"),
        ("model", "detecton", "Did you mean detection?"),
        ("model", "", "possible are classification, detection, reid, pose"),
        ("dataset", "pose", 'no dataset to start from for use case "pose"; possible are classification'),
        ("quantizer", "pose", "a quantizer serves every use case; leave out --task pose"),
    ],
)
def test_wrong_choices_are_told(kind: str, task: str | None, text: str) -> None:
    variant, problems = choose(kind, task)
    assert variant is None
    assert text in problems[0]
