"""Check the reading of generated C, above all that what is not understood is refused."""

from __future__ import annotations

import pytest

from zoo_core.errors import ZooError
from zoo_stm32.network.csource import read_source

TEXT = """\
/* a { comment */
#include <stdint.h>
#ifndef idx_t
#define idx_t int32_t
#endif
const EMX_UNUSED float weight1_c0[4] = {
    {0x1p0f}, ...
};
static inline float twice(float a) {
    return a + a;
}
EMX_NODE_FN void node0_n0(const float input0[1][2][2], const float w[4], float output[1][2][2]) {
    for (idx_t i = 0; i < 4; ++i) { /* } */
        ((float *)output)[i] = twice(((const float *)input0)[i]) * w[i];
    }
}
_Bool network_load(const char *path) {
    return 1;
}
void network(const float t0[1][2][2], float t1[1][2][2]) {
    float tmp0_t2[1][2][2];
    node0_n0(t0, weight1_c0, tmp0_t2);
    node0_n0(tmp0_t2, weight1_c0, t1);
}
"""


def test_functions_calls_and_temporaries_are_found() -> None:
    source = read_source(TEXT)
    assert source.directives == ("#include <stdint.h>", "#ifndef idx_t", "#define idx_t int32_t", "#endif")
    assert list(source.helpers) == ["twice"]
    assert [call.arguments for call in source.calls] == [
        ("t0", "weight1_c0", "tmp0_t2"),
        ("tmp0_t2", "weight1_c0", "t1"),
    ]
    assert source.temporaries == {"tmp0_t2": 4}
    parameters = source.functions["node0_n0"].parameters
    assert [parameter.declaration() for parameter in parameters] == [
        "const float input0[1][2][2]",
        "const float w[4]",
        "float output[1][2][2]",
    ]
    assert parameters[0].cast() == "const float (*)[2][2]"
    assert parameters[1].cast() == "const float *"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("    node0_n0(tmp0_t2, weight1_c0, t1);", "    free(tmp0_t2);", "free(tmp0_t2)"),
        ("node0_n0(tmp0_t2, weight1_c0, t1)", "node0_n0(tmp0_t2, t1)", "node0_n0(tmp0_t2, t1)"),
        ("float tmp0_t2[1][2][2];", "float *tmp0_t2 = malloc(16);", "malloc"),
        ("const float input0[1][2][2], const", "int batch, const", "int batch"),
        ("const float w[4]", "const float w[batch]", "w[batch]"),
        ("void network(", "void other(", "other"),
        ("weight1_c0[4] =", "table[4] =", "table[4]"),
        ("    }\n}\n_Bool", "    }\n_Bool", "brace"),
    ],
)
def test_another_form_is_refused_with_the_place(old: str, new: str, named: str) -> None:
    assert old in TEXT
    with pytest.raises(ZooError) as caught:
        read_source(TEXT.replace(old, new))
    assert named in caught.value.message
    assert "emx-onnx-cgen" in (caught.value.hint or "")
