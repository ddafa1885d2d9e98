"""Learning-rate lambdas compute what Python's lambdas compute, from text that is never executed."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from zoo_core.config.values import Schedule

DOCUMENTED = """lambda epoch, lr:
    (0.0005*epoch + 0.00001) if epoch < 20 else   # rise
    (0.01 if epoch < 50 else
    (lr / (1 + 0.0005 * epoch)))
"""


@given(st.integers(0, 500), st.floats(1e-6, 1.0))
def test_the_documented_lambda(epoch, lr):
    reference = lambda epoch, lr: (  # noqa: E731 - the text above as Python has it
        (0.0005 * epoch + 0.00001) if epoch < 20 else (0.01 if epoch < 50 else (lr / (1 + 0.0005 * epoch)))
    )
    assert Schedule(DOCUMENTED)(epoch, lr) == reference(epoch, lr)


def test_one_argument_is_enough_and_names_are_free():
    assert Schedule("lambda e: 0.1 * 0.5 ** e")(2, 9.9) == pytest.approx(0.025)


@pytest.mark.parametrize(
    "text",
    [
        "0.1",
        "lambda: 0.1",
        "lambda a, b, c: a",
        "lambda epoch, epoch: epoch",
        "lambda epoch, lr: __import__('os').system('true')",
        "lambda epoch, lr: other * lr",
        "lambda epoch, lr: (lr, epoch)",
        "lambda epoch, lr: epoch > 3",
        "lambda epoch, lr: lr / epoch",
        "lambda epoch, lr:",
        "lambda *epoch: 1",
        "def f(epoch): return 1",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"expected|cannot be used"):
        Schedule(text)


class Holder(BaseModel):
    schedule: Schedule


def test_it_survives_json_and_pickle():
    holder = Holder(schedule=DOCUMENTED)
    assert Holder.model_validate_json(holder.model_dump_json()) == holder
    assert pickle.loads(pickle.dumps(holder.schedule)) == holder.schedule  # noqa: S301 - our own bytes
    assert "\n" not in holder.schedule.text
    with pytest.raises(ValidationError):
        Holder(schedule=3)
