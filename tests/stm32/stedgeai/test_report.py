"""Own the tests of reading reports, against files written here by hand."""

from __future__ import annotations

import json

import pytest

from zoo_core.errors import ZooError
from zoo_stm32.stedgeai import read_report
from zoo_stm32.stedgeai.report import find_report


def pool(name, address, rights, used, subpools=()):
    return {"name": name, "address": address, "rights": rights, "used_size_bytes": used, "subpools": list(subpools)}


def n6_report():
    """The form of an STM32N6 report: epochs without MACs, addresses as text, a virtual pool over two others."""
    epoch = {
        "name": "epoch_2",
        "type": "",
        "macc": 0,
        "mapping": "NODE_HW",
        "inputs": [1, 9],
        "outputs": [2],
        "subgraph_nodes": [{"type": "Conv"}, {"type": "Param"}, {"type": "Add"}],
    }
    software = {
        "name": "epoch_3",
        "type": "Softmax",
        "macc": 0,
        "mapping": "NODE_SW",
        "inputs": [2, 9],
        "outputs": [3],
        "subgraph_nodes": [],
    }
    return {
        "json_schema_version": "2.0",
        "environment": {
            "tools": [
                {"name": "ST.EdgeAI.Core", "version": "3.0.0-20426 123672867"},
                {"name": "ATONN Compiler", "version": "1.1.3-8"},
            ]
        },
        "memory_footprint": {
            "activations": 300,
            "weights": 70,
            "kernel_flash": None,
            "kernel_ram": None,
            "toolchain": None,
        },
        "memory_pools": [
            pool("npuRAM6", str(0x34350000), "ACC_WRITE", 100),
            pool("npuRAM5", str(0x342E0000), "ACC_WRITE", 150),
            pool("hyperRAM", str(0x90000000), "ACC_WRITE", 50),
            pool("octoFlash", str(0x71000000), "ACC_READ", 60),
            pool("internal flash", "0x08000000", "ACC_READ", 10),
            pool("npuRAM5_npuRAM6", str(0x342E0000), "ACC_WRITE", 999999, subpools=[2, 1]),
        ],
        "buffers": [
            {"id": 1, "size_bytes": 48, "is_param": False},
            {"id": 2, "size_bytes": 64, "is_param": False},
            {"id": 3, "size_bytes": 2, "is_param": False},
            {"id": 9, "size_bytes": 70, "is_param": True},
        ],
        "graphs": [{"nodes": [epoch, software]}],
    }


def h7_report():
    """The form of a report for a Cortex-M: MACs for each layer, no addresses, a compiler that sized the library."""
    return {
        "json_schema_version": "2.0",
        "environment": {"device": "board X", "tools": [{"name": "ST.EdgeAI.Core", "version": "2.2.0-20266 2adc00962"}]},
        "memory_footprint": {
            "activations": 512,
            "weights": 21004,
            "kernel_flash": 9000,
            "kernel_ram": 1500,
            "toolchain": "GCC",
            "toolchain_flash": 700,
            "toolchain_ram": 20,
        },
        "memory_pools": [
            pool("heap_overlay_pool", "NULL", "ACC_WRITE", 512),
            pool("weights_array", "g_network_weights_array", "ACC_READ", 21004),
        ],
        "buffers": [],
        "graphs": [
            {
                "exec_time": {"cycles": 4800, "cycles_by_macc": 4.8, "duration_ms": 0.01, "percentage": 100.0},
                "nodes": [
                    {"name": "a", "description": "Dense", "macc": 900, "inputs": [], "outputs": []}
                    | {"exec_time": {"percentage": 75.0}},
                    {"name": "b", "description": "Nonlinearity", "macc": 100, "inputs": [], "outputs": []}
                    | {"exec_time": {"percentage": 25.0}},
                ],
            }
        ],
    }


def write(folder, content, name="network_c_info.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_internal_and_external_memory_are_not_swapped(tmp_path):
    report = read_report(write(tmp_path, n6_report()), "3.0.0-20426 123672867")
    assert (report.internal_ram, report.external_ram) == (250, 50)
    assert (report.internal_flash, report.external_flash) == (10, 60)
    assert (report.activations, report.weights) == (300, 70)


def test_a_pool_named_external_is_external_without_an_address(tmp_path):
    content = n6_report()
    content["memory_pools"][0] = pool("EXTERNAL_RAM", "NULL", "ACC_WRITE", 100)
    assert read_report(write(tmp_path, content), "3.0.0").external_ram == 150


def test_what_the_npu_compiler_does_not_state_is_not_guessed(tmp_path):
    report = read_report(write(tmp_path, n6_report()), "3.0.0-20426")
    assert report.macs is None
    assert all(layer.macs is None for layer in report.layers)
    assert report.library_ram is None
    assert report.library_flash is None
    assert report.duration_ms is None
    assert "1 of 2 steps of the network run on the NPU alone." in report.notes
    names = {metric.name for metric in report.metrics()}
    assert "total_ram" not in names
    assert "external_flash" in names


def test_layers_carry_type_and_bytes_and_weights_count_once(tmp_path):
    first, second = read_report(write(tmp_path, n6_report()), "3.0.0").layers
    assert (first.op_type, first.weight_bytes, first.activation_bytes) == ("Conv+Add", 70, 64)
    assert (second.op_type, second.weight_bytes, second.activation_bytes) == ("Softmax", 0, 2)


def test_a_cortex_m_report(tmp_path):
    report = read_report(write(tmp_path, h7_report()), "2.2.0-20266 2adc00962")
    assert report.macs == 1000
    assert (report.library_ram, report.library_flash) == (1520, 9700)
    values = {metric.name: metric.value for metric in report.metrics()}
    assert values["total_ram"] == 512 + 1520
    assert values["total_flash"] == 21004 + 9700
    assert (report.internal_ram, report.internal_flash, report.external_flash) == (512, 21004, 0)
    assert any("heap_overlay_pool" in note for note in report.notes)


def test_time_of_this_computer_is_never_taken_for_that_of_the_board(tmp_path):
    path = write(tmp_path, h7_report())
    here = read_report(path, "2.2.0-20266")
    assert (here.duration_ms, here.cycles, here.device) == (None, None, "")
    assert here.layers[0].share is None
    there = read_report(path, "2.2.0-20266", timed=True)
    assert (there.duration_ms, there.cycles, there.cycles_by_mac, there.device) == (0.01, 4800, 4.8, "board X")
    assert [layer.share for layer in there.layers] == [0.75, 0.25]


def test_a_library_of_zero_without_a_compiler_is_unknown(tmp_path):
    content = h7_report()
    content["memory_footprint"] |= {"kernel_flash": 0, "kernel_ram": 0, "toolchain": None}
    assert read_report(write(tmp_path, content), "2.2.0").library_flash is None


def test_pools_that_hold_less_than_the_activations_report_no_placement(tmp_path):
    content = n6_report()
    content["memory_pools"][1]["used_size_bytes"] = 0
    report = read_report(write(tmp_path, content), "3.0.0")
    assert report.internal_ram is None
    assert any("placement is not reported" in note for note in report.notes)


def test_the_older_format(tmp_path):
    content = {"ram_size": [4096], "rom_size": 5000, "rom_n_macc": 77, "cli_version_str": "1.7.0", "report_version": 1}
    report = read_report(write(tmp_path, content, "network_report.json"), "2.0.0-A1")
    assert (report.activations, report.weights, report.macs) == (4096, 5000, 77)
    assert report.internal_flash is None
    content["ram_size"] = 4097
    assert read_report(write(tmp_path, content, "network_report.json"), "2.0.0").activations == 4097


def edited(change):
    content = h7_report()
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"json_schema_version": "2.0", "envir', "not complete JSON"),
        ("[1, 2]", "its top should be a table"),
        ({"hello": 1}, "json_schema_version is missing"),
        (edited(lambda c: c.update(json_schema_version="3.0")), "json_schema_version is 3.0"),
        (edited(lambda c: c["memory_footprint"].pop("weights")), "memory_footprint.weights is missing"),
        (edited(lambda c: c["memory_footprint"].update(weights="7")), "memory_footprint.weights should be a number"),
        (edited(lambda c: c["memory_footprint"].update(weights=-7)), "memory_footprint.weights should be a number"),
        (edited(lambda c: c["graphs"][0]["nodes"][1].pop("macc")), r"graphs[0].nodes[1].macc is missing"),
        (edited(lambda c: c["memory_pools"][1].pop("rights")), r"memory_pools[1].rights is missing"),
        (edited(lambda c: c.update(graphs=[])), "graphs is empty"),
        (edited(lambda c: c["environment"].update(tools=[])), "environment.tools names no ST.EdgeAI.Core"),
        ({"ram_size": [], "rom_size": 1, "rom_n_macc": 1}, "ram_size is empty"),
        ({"rom_size": 1, "rom_n_macc": 1}, "ram_size is missing"),
    ],
)
def test_an_unknown_report_is_one_error_with_file_and_field(tmp_path, content, says):
    path = write(tmp_path, content)
    with pytest.raises(ZooError) as caught:
        read_report(path, "2.2.0-20266")
    assert str(path) in caught.value.message
    assert says in caught.value.message
    assert "Traceback" not in str(caught.value)


def test_a_report_of_another_version_is_refused(tmp_path):
    with pytest.raises(ZooError, match=r"version 2\.2\.0, but 4\.0\.0 ran"):
        read_report(write(tmp_path, h7_report()), "4.0.0-20500 359356bb0")


def test_the_newer_format_is_taken_where_both_are(tmp_path):
    write(tmp_path, {}, "network_report.json")
    assert find_report(tmp_path).name == "network_report.json"
    write(tmp_path, {})
    assert find_report(tmp_path).name == "network_c_info.json"
