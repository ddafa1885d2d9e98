"""Operation modes are letters of services."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.config.modes import SERVICE_OF_LETTER, parse_mode, required_sections
from zoo_core.errors import UserError

DOCUMENTED = {
    "training": "t",
    "evaluation": "e",
    "quantization": "q",
    "prediction": "p",
    "benchmarking": "b",
    "deployment": "d",
    "deploy": "d",
    "chain_tqe": "tqe",
    "chain_tqeb": "tqeb",
    "chain_eqe": "eqe",
    "chain_eqeb": "eqeb",
    "chain_qb": "qb",
    "chain_qd": "qd",
    "chain_tbqeb": "tbqeb",
}


@pytest.mark.parametrize(("mode", "letters"), DOCUMENTED.items())
def test_documented_modes(mode, letters):
    assert parse_mode(mode) == letters


@given(st.text(alphabet=sorted(SERVICE_OF_LETTER), min_size=1, max_size=8))
def test_any_chain_of_letters_is_legal(letters):
    assert parse_mode(f"chain_{letters}") == letters


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("chain_tqx", ["x", "stands for no service", "chain_tqe", "t training"]),
        ("chain_", ["names no service"]),
        ("trainning", ["Did you mean training"]),
        ("tqeb", ["no operation mode", "chain_"]),
        ("", ["no operation mode"]),
    ],
)
def test_other_modes_are_explained(mode, words):
    with pytest.raises(UserError) as caught:
        parse_mode(mode)
    assert all(word in str(caught.value) for word in words)


def test_sections_that_services_need():
    assert required_sections("tqeb") == ("dataset", "training", "quantization", "benchmarking")
    assert required_sections("d") == ("deployment",)
    assert required_sections("qb") == ("quantization", "benchmarking")
