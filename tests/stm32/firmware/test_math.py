"""Own the tests of the rounding and math functions that are supplied where the compiler has none."""

from __future__ import annotations

import ctypes
import math
import os
import re
import subprocess

import numpy as np
import pytest

from zoo_core.data.download import cache_dir
from zoo_stm32.firmware import find_toolchain
from zoo_stm32.firmware.rendering import render

TIES = np.array([-2.5, -1.5, -0.5, -0.0, 0.0, 0.5, 1.5, 2.5, 0.49999997, 8388607.5, 8388609.0, -1e30, 3e9, np.inf])


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return the functions compiled for this machine, each with the prefix `zoo_` so that none is libm's."""
    folder = tmp_path_factory.mktemp("math")
    source = render("zoo_math.c")
    names = re.findall(r"^(?:double|float|long long|long) (\w+)\(", source, re.MULTILINE)
    (folder / "zoo_math.c").write_text(source)
    # Headers are read before the renaming, so that functions of libm keep their own declarations.
    headers = "#include <math.h>\n#include <stdint.h>\n#include <string.h>\n"
    renamed = "".join(f"#undef {name}\n#define {name} zoo_{name}\n" for name in names)
    (folder / "all.c").write_text(headers + renamed + '#include "zoo_math.c"\n')
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache_dir() / "zig")}
    zig = find_toolchain("zig").root / "zig"
    flags = ["-O2", "-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-shared", "-fPIC"]
    command = [zig, "cc", *flags, "all.c", "-o", "math.so", "-lm"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(folder / "math.so"))


def call(library, name, *columns, result=None):
    single = name.endswith("f") and name != "erf"
    real = ctypes.c_float if single else ctypes.c_double
    function = getattr(library, f"zoo_{name}")
    function.restype = result or real
    function.argtypes = [real] * len(columns)
    return np.array([function(*(float(value) for value in row)) for row in zip(*columns, strict=True)])


@pytest.mark.parametrize("name", ["rint", "nearbyint", "rintf", "nearbyintf"])
def test_halves_round_to_even(library, name):
    values = TIES.astype(np.float32) if name.endswith("f") else TIES
    found, expected = call(library, name, values), np.rint(values)
    assert found.tolist() == expected.tolist()
    assert np.signbit(found).tolist() == np.signbit(expected).tolist()
    assert math.isnan(call(library, name, [math.nan])[0])


@pytest.mark.parametrize("name", ["llrint", "lrint", "llrintf", "lrintf"])
def test_halves_round_to_even_integers(library, name):
    values = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2147483648.0, -2147483648.0, 1e12]
    if name.endswith("f"):
        values = np.array(values, np.float32)
    kind = ctypes.c_longlong if name.startswith("ll") else ctypes.c_long
    assert call(library, name, values, result=kind).tolist() == [int(np.rint(value)) for value in values]


@pytest.mark.parametrize("name", ["llround", "lroundf"])
def test_halves_round_away_from_zero(library, name):
    found = call(library, name, [-2.5, -0.5, 0.5, 1.5], result=ctypes.c_longlong)
    assert found.astype(np.int32).tolist() == [-3, -1, 1, 2]


WIDE = np.concatenate([np.linspace(-20, 20, 401), [1e-8, -1e-8, 1e-30, -1e-30, 80.0, -80.0]])
UNIT = np.concatenate([np.linspace(-1, 1, 201), [1e-8, -1e-8]])
POSITIVE = np.concatenate([np.geomspace(1e-12, 1e12, 200), [1.0, 2.0]])
erf = np.vectorize(math.erf)


@pytest.mark.parametrize(
    ("name", "reference", "values"),
    [
        ("erf", erf, WIDE),
        ("tanh", np.tanh, WIDE),
        ("sinh", np.sinh, WIDE),
        ("cosh", np.cosh, WIDE),
        ("expm1", np.expm1, WIDE),
        ("asinh", np.arcsinh, WIDE),
        ("atan", np.arctan, WIDE),
        ("cbrt", np.cbrt, WIDE),
        ("asin", np.arcsin, UNIT),
        ("acos", np.arccos, UNIT),
        ("atanh", np.arctanh, UNIT[1:-3]),
        ("log1p", np.log1p, POSITIVE),
        ("acosh", np.arccosh, 1 + POSITIVE),
    ],
)
def test_functions_are_exact_to_float32(library, name, reference, values):
    for single in (False, True):
        x = values.astype(np.float32).astype(np.float64)
        with np.errstate(all="ignore"):
            expected = reference(x)
        found = call(library, name + "f" * single, x)
        np.testing.assert_allclose(found, expected, rtol=1e-7 if single else 1e-12, atol=0)


POWERS = [(2.0, 0.5), (-2.0, 3.0), (-2.0, 2.0), (0.0, 0.0), (0.0, -1.0), (-8.0, 1 / 3), (1e-3, 7.5), (-0.0, -3.0)]
POWERS += [(math.inf, -2.0), (1.0, math.nan), (-1.0, math.inf), (0.5, -40.25), (3.0, 20.0)]


@pytest.mark.parametrize(("base", "exponent"), POWERS)
def test_powers_with_their_special_cases(library, base, exponent):
    with np.errstate(all="ignore"):
        expected = np.power(np.float64(base), np.float64(exponent))
    np.testing.assert_allclose(call(library, "pow", [base], [exponent])[0], expected, rtol=1e-13)
    single = call(library, "powf", [base], [np.float32(exponent)])[0]
    with np.errstate(all="ignore"):
        expected = np.power(np.float64(np.float32(base)), np.float64(np.float32(exponent)))
    np.testing.assert_allclose(single, expected, rtol=1e-7)


def test_angles_of_all_quadrants(library):
    y, x = (
        values.ravel() for values in np.meshgrid([-2.0, -0.0, 0.0, 3.0, math.inf], [-1.0, -0.0, 0.0, 5.0, -math.inf])
    )
    np.testing.assert_allclose(call(library, "atan2", y, x), np.arctan2(y, x), rtol=1e-14)


def test_scaling_by_powers_of_two(library):
    function = library.zoo_ldexp
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_int]
    for x, n in ((1.5, 10), (1.0, -1074), (1.25, -1080), (5e-324, 2000), (1.0, 1024), (0.0, 5), (-3.0, -1050)):
        try:
            expected = math.ldexp(x, n)
        except OverflowError:
            expected = math.copysign(math.inf, x)
        assert function(x, n) == expected, (x, n)


def test_fraction_and_exponent(library):
    function = library.zoo_frexp
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.POINTER(ctypes.c_int)]
    for x in (1.0, -0.75, 5e-324, 1e300, 0.0, -3.5):
        exponent = ctypes.c_int()
        assert (function(x, ctypes.byref(exponent)), exponent.value) == math.frexp(x)
