"""Own the answers that the stand-in of the Developer Cloud gives for a finished job."""

from __future__ import annotations

import io
import zipfile
from typing import Any, Final

VERSION: Final = "4.0.0-20500"
MACS: Final = (1_000_000, 250_000)
CYCLES: Final = 12_000_000
DURATION_MS: Final = 30.0
ACTIVATIONS: Final = 65_536
LIBRARY_RAM: Final = {"kernel_ram": 1_000, "extra_ram": 20, "toolchain_ram": 3}
LIBRARY_FLASH: Final = {"kernel_flash": 20_000, "extra_flash": 400, "toolchain_flash": 5}
INTERNAL_RAM: Final = 50_000
EXTERNAL_RAM: Final = 15_536
INTERNAL_WEIGHTS: Final = 700
EXTERNAL_WEIGHTS: Final = 300


def tool_info(weights: int, *, device: str, timed: bool) -> dict[str, Any]:
    """Return a report in the form of `network_c_info.json`. Weights in bytes."""
    graph: dict[str, Any] = {
        "nodes": [
            {"name": "conv_0", "type": "conv2d", "macc": MACS[0]},
            {"name": "dense_1", "type": "dense", "macc": MACS[1]},
        ]
    }
    if timed:
        graph["exec_time"] = {"cycles": CYCLES, "duration_ms": DURATION_MS, "cycles_by_macc": 9.6}
    return {
        "environment": {
            "device": device,
            "generated_model": {"generated_time": "2026-03-12T10:00:00"},
            "tools": [{"name": "ST Edge AI Core", "version": VERSION, "arguments": "analyze"}],
        },
        "memory_footprint": {
            "activations": ACTIVATIONS,
            "weights": weights,
            "io": [3072, 10],
            **LIBRARY_RAM,
            **LIBRARY_FLASH,
        },
        "memory_pools": [
            {"name": "AXIRAM", "size_bytes": 524_288, "used_size_bytes": INTERNAL_RAM, "address": "0x24000000",
             "rights": "ACC_WRITE"},
            {"name": "SDRAM", "size_bytes": 8_388_608, "used_size_bytes": EXTERNAL_RAM, "address": "0xD0000000",
             "rights": "ACC_WRITE"},
            {"name": "octoFlash", "size_bytes": 1 << 26, "used_size_bytes": weights, "address": "0x70380000",
             "rights": "ACC_READ"},
            {"name": "both", "size_bytes": 1 << 20, "used_size_bytes": 999, "address": "0x24000000",
             "subpools": ["AXIRAM"]},
            {"name": "virtual", "size_bytes": 1 << 20, "used_size_bytes": 999, "address": "0x24000000",
             "virtual": True},
        ],
        "buffers": [
            {"name": "conv_0_weights_array", "size_bytes": INTERNAL_WEIGHTS, "is_param": True},
            {"name": "dense_1_weights_array", "size_bytes": EXTERNAL_WEIGHTS, "is_param": True},
            {"name": "conv_0_output_array", "size_bytes": 4096, "is_param": False},
        ],
        "graphs": [graph],
        "validation": {
            "val_error": 0.01,
            "val_metrics": [
                {"desc": "C-model #0", "ts_name": "output", "acc": "n.a.", "rmse": 0.01, "mae": 0.005, "l2r": 0.01,
                 "mean": 0.0, "std": 0.01}
            ],
        },
        }  # fmt: skip


def tool_report(weights: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return report and graph in the older form, which has no info. Weights in bytes."""
    report = {
        "rom_size": weights,
        "rom_n_macc": sum(MACS),
        "ram_size": [ACTIVATIONS],
        "cli_version_str": "2.0.0",
        "date_time": "2025-01-01",
        "val_metrics": [],
    }
    graph = {
        "exec_time": {"cycles": CYCLES, "duration_ms": DURATION_MS, "device": "STM32", "cycles_by_macc": 9.6},
        "memory_footprint": {**LIBRARY_RAM, **LIBRARY_FLASH},
        "memory_pools": [
            {"name": "INTERNAL", "size_bytes": 1 << 19, "used_size": INTERNAL_RAM},
            {"name": "EXTERNAL", "size_bytes": 1 << 23, "used_size": EXTERNAL_RAM},
        ],
        "c_arrays": [
            {"name": "conv_0_weights_array", "c_size_in_byte": INTERNAL_WEIGHTS},
            {"name": "dense_1_weights_array", "c_size_in_byte": EXTERNAL_WEIGHTS},
        ],
    }
    return report, graph


def benchmark_answer(weights: int, *, device: str, old_form: bool = False) -> dict[str, Any]:
    """Return the last answer of a benchmark on a microcontroller."""
    report, graph = tool_report(weights)
    benchmark: dict[str, Any] = {"report": report, "graph": graph}
    if not old_form:
        benchmark["info"] = tool_info(weights, device=device, timed=True)
    return {
        "benchmark": benchmark,
        "memoryMapping": {
            "layersInInternalFlash": ["conv_0_weights"],
            "layersInExternalFlash": ["dense_1_weights"],
            "useExternalRam": True,
            "useExternalFlash": True,
        },
    }


def processor_answer(model_bytes: int, *, device: str) -> dict[str, Any]:
    """Return the last answer of a benchmark on a board with an application processor."""
    return {
        "benchmark": {
            "board": device,
            "exec_time": {"duration_ms": 12.5, "npu_percent": 80.0, "gpu_percent": 15.0, "cpu_percent": 5.0},
            "tool_version": {"name": "stai_mpu", "major": "6", "minor": "1", "micro": "0"},
            "model_size": model_bytes,
            "ram_peak": 7_000_000,
            "date": "2026-03-12",
        }
    }


def archive(*, member: str = "network.c", weights: bytes | None = None, npu: bool = False) -> bytes:
    """Return a zip archive as a generation gives it.

    Args:
        member: Name of its first file.
        weights: Content of the weights; with them the archive holds all that an application is built from.
        npu: Whether the code is for STM32N6.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, "/* generated */\n" * 200)
        file.writestr("Lib/NetworkRuntime.a", bytes(range(256)) * 20)
        for name, content in {} if weights is None else _application_files(weights, npu=npu).items():
            file.writestr(name, content)
    return stream.getvalue()


def _application_files(weights: bytes, *, npu: bool) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {"network.h": "#pragma once\n", "Inc/ai_platform.h": "#pragma once\n"}
    if npu:
        more: dict[str, str | bytes] = {
            "network_ecblobs.h": "#pragma once\n",
            "network_atonbuf.xSPI2.raw": weights,
            "Npu/ll_aton/ll_aton.c": "int ll_aton;\n",
        }
        return files | more
    padded = weights + bytes(-len(weights) % 8)
    words = ", ".join(f"0x{padded[at : at + 8][::-1].hex()}U" for at in range(0, len(padded), 8))
    array = f"const uint64_t s_network_weights_array_u64[{len(padded) // 8}] = {{ {words} }};\n"
    headers = ("network_config.h", "network_data.h", "network_data_params.h")
    sources = {"network_data.c": '#include "network_data.h"\n', "network_data_params.c": array}
    return files | dict.fromkeys(headers, "#pragma once\n") | sources
