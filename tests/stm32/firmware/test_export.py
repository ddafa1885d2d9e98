"""Own the tests of the folder that users take into their own project."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from zoo_core.data.download import cache_dir
from zoo_core.errors import UserError
from zoo_stm32.firmware import Golden, export, find_toolchain
from zoo_stm32.firmware.sources import c_float, c_string

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-ffp-contract=off", "-fno-strict-aliasing")
CLASSES = ("cat", 'a "quoted\\ one', "Käse??=")


@pytest.fixture
def golden(compute):
    x = np.arange(-4, 4, dtype=np.int8)
    return Golden(inputs=(x.tobytes(),), outputs=(compute(x).tobytes(),))


def zig(*arguments, folder):
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache_dir() / "zig")}
    command = [str(find_toolchain("zig").root / "zig"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def build_and_run(folder):
    sources = ("zoo_model.c", "network.c", "network_data.c", "golden.c", "main.c")
    built = zig("cc", *STRICT, "-DZOO_PRINT", *sources, "-o", "golden_test", "-lm", folder=folder)
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    return subprocess.run([folder / "golden_test"], capture_output=True, text=True, check=False)


def test_the_golden_test_passes_on_this_machine_and_compiles_without_warnings(
    make_network, make_board, tmp_path, golden
):
    export(make_network(), make_board("flash", "sram"), tmp_path, golden, class_names=CLASSES)
    done = build_and_run(tmp_path)
    assert (done.returncode, done.stdout) == (0, "golden test: 0 output elements differ\n")


def test_the_golden_test_fails_when_the_network_computes_something_else(make_network, make_board, tmp_path, golden):
    wrong = bytes([golden.outputs[0][0] ^ 1, *golden.outputs[0][1:]])
    network, board = make_network(), make_board("flash", "sram")
    export(network, board, tmp_path, replace(golden, outputs=(wrong,)))
    assert build_and_run(tmp_path).returncode == 1
    export(network, board, tmp_path, replace(golden, outputs=(wrong,), tolerance=1))
    assert build_and_run(tmp_path).returncode == 0


def test_float_tensors_are_kept_to_the_bit(make_network, make_board, tmp_path):
    network = make_network()
    source = """\
#include "network.h"
#include <string.h>
void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena)
{
    (void)arena;
    memcpy(outputs[0], inputs[0], 20);
}
"""
    tensor = replace(network.inputs[0], type="float32", shape=(1, 5), scale=1.0, zero_point=0)
    network = replace(network, source=source, inputs=(tensor,), outputs=(tensor,))
    content = np.array([0.1, -0.0, np.inf, np.nan, 1e-45], np.float32).tobytes()
    export(network, make_board("flash", "sram"), tmp_path, Golden(inputs=(content,), outputs=(content,)))
    assert build_and_run(tmp_path).returncode == 0


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_the_folder_builds_and_passes_with_cmake_and_ctest(make_network, make_board, tmp_path, golden):
    export(make_network(), make_board("flash", "sram"), tmp_path, golden)
    for command in (
        ["cmake", "-S", ".", "-B", "build"],
        ["cmake", "--build", "build"],
        ["ctest", "--test-dir", "build", "--output-on-failure", "--no-tests=error"],
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr


@pytest.mark.parametrize(("language", "standard"), [("c", "c99"), ("c++", "c++11")])
def test_the_header_describes_the_network_to_c_and_cpp(make_network, make_board, tmp_path, language, standard):
    golden = Golden(inputs=(bytes(8),), outputs=(bytes(3),))
    export(make_network(), make_board("flash", "sram"), tmp_path, golden, class_names=CLASSES)
    user = tmp_path / ("user.cpp" if language == "c++" else "user.c")
    user.write_text(
        """\
#include "zoo_model.h"
#include <stdio.h>
int main(void)
{
    static int8_t x[ZOO_INPUT_0_BYTES], y[ZOO_OUTPUT_0_BYTES];
    const void *inputs[1] = {x};
    void *outputs[1] = {y};
    int before = zoo_model_run(inputs, outputs), nothing;
    zoo_model_init();
    inputs[0] = NULL;
    nothing = zoo_model_run(inputs, outputs);
    printf("%d %d %d|%s|%s|%d %d %d|%.9g %d|%d|%s|%s", before, nothing, (int)ZOO_ARENA_BYTES,
           zoo_inputs[0].name, zoo_outputs[0].name, (int)zoo_inputs[0].rank, (int)zoo_inputs[0].dims[0],
           (int)zoo_inputs[0].dims[1], zoo_inputs[0].scale, (int)zoo_inputs[0].zero_point,
           (int)zoo_outputs[0].bytes, zoo_class_names[1], zoo_class_names[ZOO_CLASS_COUNT - 1]);
    return 0;
}
"""
    )
    for name in ("zoo_model.c", "network.c", "network_data.c"):
        assert zig("cc", "-std=c99", "-c", name, folder=tmp_path).returncode == 0
    compiler = "c++" if language == "c++" else "cc"
    flags = (f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror")
    compiled = zig(compiler, *flags, "-c", user.name, "-o", "user.o", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    objects = ("user.o", "zoo_model.o", "network.o", "network_data.o")
    linked = zig("cc", *objects, "-lm", "-o", "user", folder=tmp_path)
    assert linked.returncode == 0, linked.stderr
    told = subprocess.run([tmp_path / "user"], capture_output=True, check=True).stdout.decode()
    assert told == '1 2 12|image|sco"re?|2 1 8|0.100000001 -3|3|a "quoted\\ one|Käse??='


def test_the_readme_tells_tensors_places_and_steps(make_network, make_board, tmp_path, golden):
    export(make_network(), make_board("flash", "sdram"), tmp_path, golden, title="ResNet8", class_names=("cat", "dog"))
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# ResNet8\n")
    assert "| input 0 | image | int8 | 1 x 8 | 0.1 | -3 | 8 |" in text
    assert "| arena | SDRAM, external | 0xc0000000 |" in text
    assert "after a reset: here that is SDRAM." in text
    assert "cat, dog" in text
    assert "-mno-unaligned-access" in (tmp_path / "arm-none-eabi.cmake").read_text()
    assert "@" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_the_example_links_for_the_board(make_network, make_board, tmp_path, golden):
    board = make_board("flash", "sram")
    export(make_network(), board, tmp_path, golden)
    flags = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m7+fp_armv8d16sp", "-std=c99", "-O2", "-fhosted")
    libc = find_toolchain("zig").root / "lib" / "libc"
    includes = [f"-isystem{libc / 'include' / name}" for name in ("generic-musl", "arm-linux-musl", "any-linux-any")]
    sources = ("zoo_model.c", "network.c", "network_data.c", "golden.c", "main.c", "startup.c")
    warnings = ("-Wall", "-Wextra", "-pedantic", "-Werror")
    link = ("-T", "test_board.ld", "-Wl,--gc-sections", "-Wl,-e,Reset_Handler", "-o", "firmware.elf")
    done = zig("cc", *flags, *warnings, *includes, *sources, *link, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "firmware.elf").exists()


def test_golden_bytes_of_another_size_are_refused(make_network, make_board, tmp_path, golden):
    with pytest.raises(UserError, match=r"golden input has \[7\] bytes; the network's inputs have \[8\]"):
        export(make_network(), make_board("flash", "sram"), tmp_path, replace(golden, inputs=(bytes(7),)))


@pytest.mark.parametrize(
    ("text", "literal"),
    [("a\nb", '"a\\012b"'), ('"', '"\\""'), ("1\x00" + "2", '"1\\0002"'), ("é", '"\\303\\251"'), ("??/", '"\\?\\?/"')],
)
def test_any_name_becomes_a_string_literal(text, literal):
    assert c_string(text) == literal


@pytest.mark.parametrize("value", [1.0, 0.1, 1e-30, 3.4e38, 123456792.0])
def test_a_float_constant_reads_back_as_the_same_number(value):
    text = c_float(value)
    assert text.endswith("f")
    assert "." in text or "e" in text
    assert np.float32(text[:-1]) == np.float32(value)
