"""Check that rewriting a function changes its text as meant and refuses what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest

from zoo_core.errors import ZooError
from zoo_stm32.network.csource import Function, Parameter
from zoo_stm32.network.folding import BoundFunction, fold_constants, hoist_arrays


def bound(body: str, **parameters: tuple[str, tuple[int, ...]]) -> BoundFunction:
    declared = tuple(Parameter(name, kind, dims, constant=True) for name, (kind, dims) in parameters.items())
    return BoundFunction(Function("f", declared, body), tuple(parameters))


def test_scalars_and_uniform_arrays_become_literals_and_lose_their_parameter() -> None:
    before = bound(
        "out[i] = (int32_t)w[a[i]][j] - (int32_t)(zero[c[i]]) + k[0] * s[0];",
        w=("int8_t", (4, 4)),
        zero=("int8_t", (4,)),
        k=("int64_t", (1,)),
        s=("float", (1,)),
        out=("int32_t", (4,)),
    )
    values = {
        "w": np.arange(16, dtype=np.int8).reshape(4, 4),
        "zero": np.zeros(4, np.int8),
        "k": np.array([-3], np.int64),
        "s": np.array([0.1], np.float32),
    }
    after = fold_constants(before, values)
    assert after.function.body == ("out[i] = (int32_t)w[a[i]][j] - (int32_t)((0)) + ((int64_t)-3) * (0x1.99999ap-4f);")
    assert after.arguments == ("w", "out")
    assert [parameter.name for parameter in after.function.parameters] == ["w", "out"]


def test_negative_zero_and_positive_zero_are_not_the_same_value() -> None:
    before = bound("y[i] = s[i];", s=("float", (2,)), y=("float", (2,)))
    after = fold_constants(before, {"s": np.array([0.0, -0.0], np.float32)})
    assert after == before


@pytest.mark.parametrize("body", ["p = w;", "x = w[0][0];", "x = w[w[0]];"])
def test_an_array_that_is_used_as_a_whole_stays(body: str) -> None:
    before = bound(body, w=("int8_t", (3,)))
    assert fold_constants(before, {"w": np.zeros(3, np.int8)}) == before


def test_large_local_arrays_become_parameters_and_small_ones_stay() -> None:
    before = bound("\n    float row[100];\n    idx_t at[4];\n    row[0] = x[0];\n", x=("float", (1,)))
    after, scratch = hoist_arrays(before, "layer 3: ")
    assert scratch == {"layer 3: row": 400}
    assert after.arguments == ("x", "layer 3: row")
    assert after.function.parameters[-1].declaration() == "float row[100]"
    assert "float row" not in after.function.body
    assert "idx_t at[4];" in after.function.body


def test_a_size_that_is_a_variable_of_one_value_is_written_as_that_value() -> None:
    after, _ = hoist_arrays(bound("\n    int count0;\n    count0 = 2;\n    double c[count0];\n"), "")
    assert "double c[2];" in after.function.body
    with pytest.raises(ZooError, match="no constant size"):
        hoist_arrays(bound("\n    count0 = n + 1;\n    double c[count0];\n"), "")
