"""Own a stand-in for ST Edge AI Core: an executable that answers as documented, and fails in a chosen way."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from zoo_stm32.testing.ai_runner import LIBRARY
from zoo_stm32.testing.ai_runner import SETTINGS as LIBRARY_SETTINGS
from zoo_stm32.testing.stedgeai_figures import ToyModel, c_info, load_toy_model, old_report, pools_of

CONFIGURATION = "ZOO_STAND_IN_STEDGEAI"
DEFAULT_VERSION = "4.0.0-20500 359356bb0"

Failure = Literal[
    "not_executable",
    "wrong_file",
    "version_unreadable",
    "predecessor",
    "licence_prompt",
    "licence_expired",
    "unsupported_layer",
    "invalid_model",
    "out_of_memory",
    "path_encoding",
    "unknown_error",
    "crash",
    "hang",
    "disk_full",
    "report_missing",
    "report_truncated",
    "report_other_version",
    "report_other_format",
    "report_field_missing",
    "code_missing",
]

_TARGETS = ("stm32", "stm32f4", "stm32f7", "stm32g4", "stm32h7", "stm32l4", "stm32n6", "stm32u5")
_MESSAGES = {
    "licence_expired": "LICENCE ERROR: the licence of this installation has expired",
    "unsupported_layer": "NOT IMPLEMENTED: Unsupported layer types: Range, OneHot",
    "invalid_model": "E010(InvalidModelError): Non-numerical elements in dense_60's parameter weights",
    "out_of_memory": "TOOL ERROR: not enough memory to place 3,145,728 bytes of activations",
    "path_encoding": "E103(CliRuntimeError): Error calling the NPU compiler\nwhat():  wstring_convert::from_bytes",
    "unknown_error": "\n".join(f"line {number} of something nobody has seen before" for number in range(100)),
    "disk_full": "OSError: [Errno 28] No space left on device: 'network_data_params.c'",
}


def install_stedgeai(
    folder: Path,
    *,
    version: str = DEFAULT_VERSION,
    failure: Failure | None = None,
    report: Literal["c_info", "old"] = "c_info",
    toolchain: bool = True,
) -> Path:
    """Install the stand-in as the program `stedgeai` into a folder and return its path.

    Args:
        folder: Where to install; made when it lacks.
        version: What `--version` states.
        failure: What goes wrong; nothing when absent.
        report: Whether `network_c_info.json` or the older `network_report.json` is written.
        toolchain: Whether a compiler is found that sizes the runtime library.

    Raises:
        ValueError: If the failure is unknown.
    """
    if failure is not None and failure not in get_args(Failure):
        raise ValueError(f"unknown failure {failure!r}")
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "stedgeai"
    settings = json.dumps({"version": version, "failure": failure, "report": report, "toolchain": toolchain})
    start = f"{CONFIGURATION}={shlex.quote(settings)} exec {shlex.quote(sys.executable)} -m {__name__}"
    text = "a letter, not a program\n" if failure == "wrong_file" else f'#!/bin/sh\n{start} "$@"\n'
    program.write_text(text, encoding="utf-8")
    program.chmod(0o644 if failure == "not_executable" else 0o755)
    return program


def main(arguments: Sequence[str]) -> int:
    """Answer one command line, as configured by the environment variable that the installed script sets."""
    settings = json.loads(os.environ[CONFIGURATION])
    failure = settings["failure"]
    if failure == "licence_prompt":
        _ask_for_ever()
    if list(arguments) == ["--version"]:
        return _state_version(settings["version"], failure)
    options = _parse(arguments)
    _fail_before_work(failure)
    try:
        return _work(options, settings, shlex.join(arguments))
    except ValueError as error:
        _say(str(error))
        return 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _ask_for_ever() -> NoReturn:
    _say("Do you accept the licence agreement? [y/n]")
    while True:
        if not sys.stdin.readline():
            time.sleep(60)


def _state_version(version: str, failure: str | None) -> int:
    if failure == "version_unreadable":
        _say("Segmentation of the universe failed")
        return 3
    if failure == "predecessor":
        _say("stm32ai - Neural Network Tools for STM32AI v1.7.0 (STM.ai v8.1.0-19520)")
        return 0
    _say(f"\x1b[1mST Edge AI Core v{version}\x1b[0m")
    _say("    ISPU 1.1.0")
    _say("    STM32CubeAI 10.0.0")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stedgeai", exit_on_error=False)
    parser.add_argument("command", choices=["analyze", "generate", "validate"])
    parser.add_argument("--model", "-m", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--output", "-o", type=Path, default=Path("st_ai_output"))
    parser.add_argument("--workspace", "-w", type=Path, default=Path("st_ai_ws"))
    parser.add_argument("--optimization", "-O", choices=["balanced", "time", "ram"], default="balanced")
    for side in ("input", "output"):
        parser.add_argument(f"--{side}-data-type", choices=["uint8", "int8", "float32"])
        parser.add_argument(f"--{side}s-ch-position", choices=["chfirst", "chlast"])
    parser.add_argument("--c-api", choices=["st-ai", "legacy"])
    parser.add_argument("--memory-pool", type=Path)
    parser.add_argument("--st-neural-art", nargs="?", const="default")
    parser.add_argument("--split-weights", action="store_true")
    parser.add_argument("--dll", action="store_true")
    parser.add_argument("--mode", choices=["host", "target"], default="host")
    parser.add_argument("-d", "--desc", default="")
    parser.add_argument("-b", "--batch-size", type=int)
    parser.add_argument("--valinput", type=Path)
    parser.add_argument("--valoutput", type=Path)
    parser.add_argument("--val-json", type=Path)
    parser.add_argument("-v", "--verbosity", type=int)
    try:
        options, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        _stop(f"E102(CliArgumentError): {error}")
    if unknown:
        _stop(f"E102(CliArgumentError): unrecognized arguments: {' '.join(unknown)}")
    if options.target not in _TARGETS:
        _stop(f"E102(CliArgumentError): target {options.target} is not supported")
    return options


def _stop(message: str) -> NoReturn:
    _say(message)
    raise SystemExit(1)


def _fail_before_work(failure: str | None) -> None:
    if failure == "crash":
        _say("Analysing the model")
        os.kill(os.getpid(), signal.SIGSEGV)
    if failure == "hang":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        _say(f"compiling in process {child.pid}")
        time.sleep(300)
    if failure in _MESSAGES:
        _stop(_MESSAGES[failure])


def _work(options: argparse.Namespace, settings: dict[str, Any], arguments: str) -> int:
    npu = options.st_neural_art is not None
    on_board = options.mode == "target"
    _check(options, npu=npu)
    try:
        model = load_toy_model(options.model)
    except ValueError as error:
        _stop(f"E010(InvalidModelError): {error}")
    pools = pools_of(model, npu=npu, given=_given_pools(options))
    options.output.mkdir(parents=True, exist_ok=True)
    options.workspace.mkdir(parents=True, exist_ok=True)
    version = settings["version"]
    if settings["failure"] == "report_other_version":
        version = "1.9.9-1"
    if settings["report"] == "old":
        name, report = "network_report.json", old_report(model, version, arguments)
    else:
        report = c_info(
            model,
            options.model,
            arguments,
            version,
            pools=pools,
            npu=npu,
            on_board=on_board and options.command == "validate",
            toolchain=settings["toolchain"],
        )
        name = "network_c_info.json"
    if options.command == "validate":
        measures = {"rmse": 0.002, "mae": 0.001, "l2r": 0.003, "mean": 0.0, "std": 0.002, "nse": 0.999, "cos": 1.0}
        comparison = {"acc": "n.a.", "desc": "X-cross #1", "ts_name": "X-cross #1", **measures}
        report = report | ({"validation": {"val_metrics": [comparison]}, "val_metrics": [comparison]})
    _write_report(options.output / name, report, settings["failure"])
    if options.command == "generate" and settings["failure"] != "code_missing":
        _write_code(options, model, npu=npu)
    (options.output / f"network_{options.command}_report.txt").write_text(f"macc={model.macs:,}\n", encoding="utf-8")
    _say(f"{options.command} done")
    return 0


def _check(options: argparse.Namespace, *, npu: bool) -> None:
    if options.command == "validate" and options.mode == "host" and options.target == "stm32n6":
        _stop(
            "E102(CliArgumentError): Validation on host is not supported for devices based on Arm Cortex M55/M85 core."
        )
    if options.command == "validate" and options.mode == "target" and not options.desc.startswith("serial"):
        _stop(f"E801(HwIOError): Invalid firmware - {options.desc or 'no device'}")
    if npu and options.target != "stm32n6":
        _stop("E102(CliArgumentError): --st-neural-art is for the target stm32n6 only")
    profile, _, file = (options.st_neural_art or "").partition("@")
    if file and profile not in json.loads(Path(file).read_text(encoding="utf-8"))["Profiles"]:
        _stop(f"E103(CliRuntimeError): profile {profile} is not in {file}")


def _given_pools(options: argparse.Namespace) -> list[tuple[str, int, int, bool]]:
    if options.memory_pool is None:
        return []
    scale = {"BYTES": 1, "KBYTES": 1 << 10, "MBYTES": 1 << 20}
    document = json.loads(options.memory_pool.read_text(encoding="utf-8"))
    return [
        (
            pool["name"],
            int(pool["offset"]["value"], 0),
            int(pool["size"]["value"]) * scale[pool["size"]["magnitude"]],
            "WRITE" in pool["prop"]["rights"],
        )
        for pool in document["memory"]["mempools"]
    ]


def _write_report(path: Path, report: dict[str, Any], failure: str | None) -> None:
    if failure == "report_missing":
        return
    if failure == "report_other_format":
        report = {"json_schema_version": "9.0", "everything": "is elsewhere"}
    if failure == "report_field_missing":
        del report["memory_footprint"]["weights"]
    text = json.dumps(report, indent=2)
    path.write_text(text[: len(text) // 2] if failure == "report_truncated" else text, encoding="utf-8")


def _write_code(options: argparse.Namespace, model: ToyModel, *, npu: bool) -> None:
    output: Path = options.output
    weights = {name: tensor.weights for name, tensor in model.tensors.items() if tensor.weights is not None}
    files: dict[str, str | bytes] = {
        "network.c": '#include "network.h"\n\nint network_macs(void) { return NETWORK_MACS; }\n',
        "network.h": f"#pragma once\n#define NETWORK_MACS {model.macs}\n#define NETWORK_WEIGHTS {model.weights}\n",
    }
    if npu:
        files["network_ecblobs.h"] = "#pragma once\n"
        files["network_atonbuf.xSPI2.raw"] = b"".join(weights.values())
        files["stai_network.c"] = '#include "stai_network.h"\n'
        files["stai_network.h"] = "#pragma once\n"
    else:
        split = options.split_weights
        arrays = weights if split else {"weights": b"".join(weights.values())}
        text = "\n".join(_array(index, content) for index, content in enumerate(arrays.values()))
        files["network_config.h"] = "#pragma once\n"
        files["network_data.h"] = files["network_data_params.h"] = "#pragma once\n#include <stdint.h>\n"
        files["network_data.c"] = '#include "network_data.h"\n' + (text if split else "")
        files["network_data_params.c"] = '#include "network_data_params.h"\n' + ("" if split else text)
    for name, content in files.items():
        (output / name).write_bytes(content.encode() if isinstance(content, str) else content)
    if options.dll:
        (options.workspace / "lib").mkdir(exist_ok=True)
        (options.workspace / "lib" / "libai_network.so").write_bytes(b"stand-in library\n")
        shutil.copyfile(options.model, options.workspace / LIBRARY)
        settings = {
            "input_type": options.input_data_type or "float32",
            "output_type": options.output_data_type or "float32",
            "channels_last": options.inputs_ch_position == "chlast",
        }
        (options.workspace / LIBRARY_SETTINGS).write_text(json.dumps(settings), encoding="utf-8")


def _array(index: int, content: bytes) -> str:
    padded = content + bytes(-len(content) % 8)
    words = [int.from_bytes(padded[start : start + 8], "little") for start in range(0, len(padded), 8)] or [0]
    lines = ",\n".join(
        ", ".join(f"0x{word:016x}U" for word in words[start : start + 4]) for start in range(0, len(words), 4)
    )
    return f"const uint64_t s_network_{index}_weights_array_u64[{len(words)}] = {{\n{lines}\n}};\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
