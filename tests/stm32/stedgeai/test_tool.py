"""Own the tests of the three commands against the stand-in, with figures computed by hand."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_stm32.boards import load_boards
from zoo_stm32.stedgeai import Options, StEdgeAi, find_stedgeai, process
from zoo_stm32.testing.stedgeai import install_stedgeai

WEIGHTS = 4 * (4 * 3 * 3 * 3 + 4 + 4 * 5)
MACS = 8 * 8 * 4 * (3 * 3 * 3) + 4 * 5
ACTIVATIONS = 4 * 2 * (4 * 8 * 8)


def command_of(log: Path) -> list[str]:
    return shlex.split(log.read_text(encoding="utf-8").splitlines()[0])


def failing(tool: StEdgeAi, failure: str | None, limit_s: float = 30.0) -> StEdgeAi:
    install_stedgeai(tool.executable.parent, failure=failure)
    return replace(tool, limit_s=limit_s)


@pytest.fixture
def generate(tool, model, h7, tmp_path, quiet):
    """Run `generate` with a failure."""

    def run(failure: str | None, limit_s: float = 30.0) -> None:
        failing(tool, failure, limit_s).generate(model, h7, Options(), tmp_path / "run", quiet)

    return run


def test_analyze_returns_the_figures_of_the_model(tool, model, h7, tmp_path, quiet):
    report = tool.analyze(model, h7, Options(), tmp_path / "run", quiet)
    assert (report.weights, report.macs, report.activations) == (WEIGHTS, MACS, ACTIVATIONS)
    assert (report.internal_ram, report.internal_flash) == (ACTIVATIONS, WEIGHTS)
    assert [layer.name for layer in report.layers] == ["conv", "relu", "pool", "flat", "fc"]
    assert report.layers[0].macs == 8 * 8 * 4 * 27
    assert report.library_flash == 5 * 1000 + 512
    assert report.version == tool.version


def test_the_target_is_that_of_the_board(tool, model, tmp_path, quiet):
    for board in load_boards():
        if board.name in {"NUCLEO-G474RE", "STM32N6570-DK", "B-U585I-IOT02A"}:
            tool.analyze(model, board, Options(), tmp_path / board.slug, quiet)
            command = command_of(tmp_path / board.slug / "stedgeai_analyze.log")
            assert command[command.index("--target") + 1] == board.tool_target
            assert ("--st-neural-art" in command) == (board.series == "STM32N6")


def test_generate_writes_code_a_report_and_a_log(tool, model, h7, tmp_path, quiet):
    made = tool.generate(model, h7, Options(optimization="time"), tmp_path / "run", quiet)
    names = {path.name for path in made.files}
    assert {"network.c", "network.h", "network_data.c", "network_data_params.c", "network_c_info.json"} <= names
    assert all(path.parent == made.folder for path in made.files)
    assert made.report.weights == WEIGHTS
    command = command_of(made.log)
    assert command[command.index("--optimization") + 1] == "time"
    assert "generate done" in made.log.read_text()


def test_generate_for_n6_uses_the_profile(tool, model, n6, tmp_path, quiet):
    profile = tmp_path / "user_neuralart.json"
    profile.write_text(json.dumps({"Profiles": {"profile_O3": {"options": "-O3"}}}))
    options = Options(
        neural_art_profile="profile_O3", neural_art_file=profile, input_type="uint8", inputs_channel_position="chlast"
    )
    made = tool.generate(model, n6, options, tmp_path / "run", quiet)
    assert f"profile_O3@{profile}" in command_of(made.log)
    raw = next(path for path in made.files if path.name == "network_atonbuf.xSPI2.raw")
    assert raw.stat().st_size == WEIGHTS
    assert (made.report.internal_ram, made.report.external_flash) == (ACTIVATIONS, WEIGHTS)
    assert (made.report.external_ram, made.report.internal_flash) == (0, 0)
    assert made.report.macs is None


def test_a_memory_pool_file_places_activations_in_external_memory(tool, model, h7, tmp_path, quiet):
    def entry(name: str, address: str, size: int) -> dict[str, object]:
        return {
            "name": name,
            "prop": {"rights": "ACC_WRITE"},
            "offset": {"value": address, "magnitude": "BYTES"},
            "size": {"value": str(size), "magnitude": "KBYTES"},
        }

    pools = tmp_path / "mempools.json"
    pools.write_text(
        json.dumps({"memory": {"mempools": [entry("AXIRAM", "0x24000000", 1), entry("SDRAM", "0xd0000000", 16)]}})
    )
    report = tool.analyze(model, h7, Options(memory_pool=pools), tmp_path / "run", quiet)
    assert (report.internal_ram, report.external_ram) == (1024, ACTIVATIONS - 1024)


def test_split_weights_make_one_array_for_each_tensor(tool, model, h7, tmp_path, quiet):
    made = tool.generate(model, h7, Options(split_weights=True), tmp_path / "run", quiet)
    assert (made.folder / "network_data.c").read_text().count("const uint64_t") == 3


def test_the_library_for_this_computer_uses_the_generic_target(tool, model, n6, tmp_path, quiet):
    options = Options(input_type="uint8", output_type="float32", neural_art_profile="profile_O3")
    made = tool.generate(model, n6, options, tmp_path / "run", quiet, host_library=True)
    command = command_of(made.log)
    assert command[command.index("--target") + 1] == "stm32"
    assert command[command.index("--c-api") + 1] == "st-ai"
    assert {"--dll", "--input-data-type", "--output-data-type"} <= set(command)
    assert "--st-neural-art" not in command
    assert list(made.workspace.rglob("*.so"))


def test_validate_on_the_board_reports_time_and_differences(tool, model, n6, tmp_path, quiet):
    made = tool.generate(model, n6, Options(), tmp_path / "run", quiet)
    result = tool.validate(
        model,
        n6,
        Options(),
        tmp_path / "run",
        quiet,
        mode="target",
        descriptor="serial:921600",
        batch=1,
        generated=made,
    )
    assert result.report.cycles == 2 * MACS + 1000
    assert result.report.duration_ms == pytest.approx((2 * MACS + 1000) / 400e3)
    assert result.comparisons[0].values["cos"] == 1.0
    assert "acc" not in result.comparisons[0].values
    command = command_of(result.log)
    assert command[command.index("-d") + 1] == "serial:921600"
    assert str(made.folder / "network_c_info.json") in command


def test_validate_on_this_computer_reports_no_time(tool, model, h7, tmp_path, quiet):
    result = tool.validate(model, h7, Options(), tmp_path / "run", quiet)
    assert result.report.duration_ms is None
    assert result.comparisons[0].name == "X-cross #1"


def test_validate_on_this_computer_is_refused_for_n6(tool, model, n6, tmp_path, quiet):
    with pytest.raises(UserError, match="cannot validate for STM32N6570-DK on this computer"):
        tool.validate(model, n6, Options(), tmp_path / "run", quiet)


def test_validate_without_an_answer_of_the_board(tool, model, h7, tmp_path, quiet):
    with pytest.raises(UserError, match="the board does not answer: Invalid firmware"):
        tool.validate(model, h7, Options(), tmp_path / "run", quiet, mode="target", descriptor="usb")


def test_the_older_format_of_the_report(model, h7, tmp_path, quiet):
    tool = find_stedgeai(install_stedgeai(tmp_path / "tool", version="2.0.0-20049", report="old"))
    report = tool.analyze(model, h7, Options(), tmp_path / "run", quiet)
    assert (report.weights, report.macs, report.activations) == (WEIGHTS, MACS, ACTIVATIONS)


def test_paths_with_spaces_and_letters_of_any_language(tool, model, h7, tmp_path, quiet):
    folder = tmp_path / "mes modèles; $(touch x) 模型"
    folder.mkdir()
    moved = Path(shutil.copy(model, folder / "réseau n°1 'a'.onnx"))
    made = tool.generate(moved, h7, Options(), folder / "sortie é", quiet)
    assert made.report.macs == MACS
    assert not (tmp_path / "x").exists()
    assert not Path("x").exists()


def test_a_report_of_an_earlier_run_is_never_taken(tool, model, h7, tmp_path, quiet):
    tool.analyze(model, h7, Options(), tmp_path / "run", quiet)
    install_stedgeai(tmp_path / "tool", failure="report_missing")
    with pytest.raises(ZooError, match=r"left neither network_c_info\.json nor network_report\.json"):
        tool.analyze(model, h7, Options(), tmp_path / "run", quiet)


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        ("unsupported_layer", UserError, "does not know these layers of the model: Range, OneHot"),
        ("invalid_model", UserError, "refuses the model: Non-numerical elements"),
        ("out_of_memory", UserError, "does not fit the memory"),
        ("path_encoding", UserError, "letters outside of ASCII"),
        ("disk_full", UserError, "the disk is full"),
        ("licence_expired", MissingError, "licence does not allow"),
        ("crash", ZooError, "crashed with SIGSEGV"),
        ("report_missing", ZooError, "left neither"),
        ("report_truncated", ZooError, "not complete JSON"),
        ("report_other_version", ZooError, r"version 1\.9\.9, but 4\.0\.0 ran"),
        ("report_other_format", ZooError, r"json_schema_version is 9\.0"),
        ("report_field_missing", ZooError, r"memory_footprint\.weights is missing"),
        ("code_missing", ZooError, "network.c is missing or empty"),
    ],
)
def test_each_failure_ends_in_one_message(generate, failure, error, says):
    with pytest.raises(error, match=says) as caught:
        generate(failure)
    assert caught.value.hint
    assert "Traceback" not in str(caught.value)


def test_an_unknown_failure_shows_the_last_forty_lines(generate, tmp_path):
    with pytest.raises(ZooError) as caught:
        generate("unknown_error")
    text = str(caught.value)
    assert "exit status 1" in text
    assert "line 60 of" in text
    assert "line 99 of" in text
    assert "line 59 of" not in text
    assert str(tmp_path / "run" / "stedgeai_generate.log") in text


def test_a_hang_ends_in_time_and_takes_its_children_along(generate):
    before = time.monotonic()
    with pytest.raises(ZooError, match="did not end within 2 s") as caught:
        generate("hang", limit_s=2.0)
    assert time.monotonic() - before < 8
    child = int(str(caught.value).split("compiling in process ")[1].split()[0])
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def alive(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_licence_prompt_in_the_middle_ends_in_time(generate):
    with pytest.raises(MissingError, match="asked a question"):
        generate("licence_prompt", limit_s=1.5)


def test_a_file_that_is_no_model(tool, tmp_path, h7, quiet):
    text = tmp_path / "model.onnx"
    text.write_text("no model")
    with pytest.raises(UserError, match=r"refuses the model: cannot load model\.onnx"):
        tool.analyze(text, h7, Options(), tmp_path / "run", quiet)
    with pytest.raises(UserError, match=r"gone\.onnx does not exist"):
        tool.analyze(tmp_path / "gone.onnx", h7, Options(), tmp_path / "run", quiet)


def test_a_board_with_an_application_processor_is_sent_to_the_cloud(tool, model, tmp_path, quiet):
    board = next(board for board in load_boards() if board.name == "STM32MP257F-EV1")
    with pytest.raises(UserError, match="has no target for STM32MP257F-EV1") as caught:
        tool.analyze(model, board, Options(), tmp_path / "run", quiet)
    assert "on_cloud" in str(caught.value.hint)


def test_a_folder_that_cannot_be_written(tool, model, h7, tmp_path, quiet):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="Cannot write") as caught:
        tool.analyze(model, h7, Options(), tmp_path / "file" / "run", quiet)
    assert "hydra.run.dir" in str(caught.value.hint)


def test_a_full_disk_while_the_log_is_opened(generate, monkeypatch):
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(process, "_create", full)
    with pytest.raises(UserError, match=r"Cannot write .*stedgeai_generate\.log: No space left on device"):
        generate(None)


def test_a_program_that_vanished(tool, model, h7, tmp_path, quiet):
    tool.executable.unlink()
    with pytest.raises(UserError, match="cannot be started"):
        tool.analyze(model, h7, Options(), tmp_path / "run", quiet)


def test_the_environment_is_never_written(generate, tmp_path, monkeypatch):
    monkeypatch.setenv("stmai_password", "hush-hush")
    generate(None)
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not any(b"hush-hush" in path.read_bytes() for path in written)
