"""Deployment to microcontrollers against stand-ins: what is placed, written, kept and refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_stm32.boards import load_boards
from zoo_stm32.deployment import deploy, steps_for
from zoo_stm32.testing.cubeide import install_cubeide
from zoo_stm32.testing.programmer import install_programmer

H7_STEPS = ["check", "generate", "place", "build", "size", "sign", "flash", "verify"]


def tree(folder: Path) -> dict[str, str]:
    """Return path -> hash of all files but those of the build."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".elf", ".bin")
    }


@pytest.mark.parametrize("board", ["STM32H747I-DISCO", "NUCLEO-H743ZI2"])
def test_h7_goes_from_model_to_verified_board(bench, board: str) -> None:
    made = bench(board)
    outcome = deploy(made.job, None, made.progress)
    assert [step.name for step in outcome.steps] == H7_STEPS
    assert [step.status for step in outcome.steps if step.name == "sign"] == ["skipped"]
    project = made.job.project
    assert (project / "Application/Network/Src/network.c").read_text() == "/* model.onnx */\n"
    assert "NB_CLASSES          (2)" in (project / f"Application/{board}/Inc/CM7/ai_model_config.h").read_text()
    image = (project / "STM32CubeIDE/Release/Demo_CM7.elf").read_bytes()
    assert made.stand_in.memory(0x08000000, 4096) == image[84 : 84 + 4096]
    assert outcome.sizes == {"flash": 4096, "AXI SRAM": 1024}
    write = next(call for call in made.stand_in.calls() if "-d" in call)
    assert write[1:4] == ["-c", "port=swd", "sn=0001"]
    assert write[4:8] == ["-d", str(project / "STM32CubeIDE/Release/Demo_CM7.elf"), "-s", "-q"]
    loaders = [Path(word).name for word in write[8:]]
    assert loaders == (["--extload", "MT25TL01G_STM32H747I-DISCO.stldr"] if board == "STM32H747I-DISCO" else [])
    assert made.stand_in.calls()[-1][-1] == "-rst"


@pytest.mark.parametrize(
    ("board", "loader", "configuration"),
    [
        ("STM32N6570-DK", "MX66UW1G45G_STM32N6570-DK.stldr", "Debug"),
        ("NUCLEO-N657X0-Q", "MX25UM51245G_STM32N6570-NUCLEO.stldr", "UVCL"),
    ],
)
def test_n6_is_signed_and_written_to_the_documented_addresses(bench, board, loader, configuration) -> None:
    made = bench(board)
    outcome = deploy(made.job, None, made.progress)
    signed = made.job.project / f"STM32CubeIDE/{configuration}/Demo_signed.bin"
    assert made.stand_in.memory(0x70100000, signed.stat().st_size) == signed.read_bytes()
    weights = b"weights of a model"
    assert made.stand_in.memory(0x70380000, len(weights)) == weights
    assert (made.job.project / f"Model/{board}/network_atonbuf.xSPI2.bin").read_bytes() == weights
    calls = made.stand_in.calls()
    sign = next(call for call in calls if call[0] == "STM32_SigningTool_CLI")
    assert sign[1:3] == ["-s", "-bin"]
    assert sign[4:9] == ["-nk", "-t", "ssbl", "-hv", "2.3"]
    writes = [call for call in calls if "-w" in call]
    assert [call[-1] for call in writes] == [
        str(made.job.project / "Binary/ai_fsbl.hex"),
        "0x70100000",
        "0x70380000",
    ]
    assert all("mode=HOTPLUG" in call and call[call.index("--extload") + 1].endswith(loader) for call in writes)
    assert any("boot switches" in note for note in outcome.notes)


def test_a_second_deployment_leaves_the_same_tree(bench) -> None:
    made = bench()
    deploy(made.job, None, made.progress)
    first = tree(made.job.project)
    times = {path: path.stat().st_mtime_ns for path in made.job.project.rglob("*.[ch]")}
    deploy(made.job, None, made.progress)
    assert tree(made.job.project) == first
    assert {path: path.stat().st_mtime_ns for path in made.job.project.rglob("*.[ch]")} == times


def test_only_generated_files_are_new_in_the_project(bench) -> None:
    made = bench()
    before = tree(made.job.project)
    deploy(made.job, None, made.progress)
    after = tree(made.job.project)
    assert {name: after[name] for name in before} == before
    assert {Path(name).name for name in set(after) - set(before)} == {
        "network.c",
        "network.h",
        "network_config.h",
        "network_data.h",
        "network_data.c",
        "network_data_params.h",
        "ai_model_config.h",
        "ai_memory_config.h",
    }


def test_everything_that_lacks_is_listed_before_anything_changes(bench, tmp_path: Path) -> None:
    made = bench("STM32N6570-DK", leave_out=("headers", "code", "runtime", "configuration", "fsbl"))
    made.stand_in = install_programmer(tmp_path / "programmer", [], loaders=())
    made.change(generator=None, values=None, tools=type(made.job.tools)(programmer=made.stand_in.programmer))
    before = tree(made.job.project)
    with pytest.raises(MissingError) as caught:
        deploy(made.job, None, made.progress)
    message = str(caught.value)
    for words in (
        "Deployment stopped at the step check",
        "a folder for headers: Application/STM32N6570-DK/Inc or Inc",
        "a folder for the runtime library",
        "a folder for the network's code",
        "a build configuration",
        "ai_fsbl.hex",
        "ST Edge AI Core",
        "metadata",
        "STM32CubeIDE (tools.path_to_cubeIDE)",
        "STM32_SigningTool_CLI",
        "MX66UW1G45G_STM32N6570-DK.stldr",
        "No ST-LINK probe is connected",
    ):
        assert words in message
    assert tree(made.job.project) == before
    assert not made.job.headers.exists()


FAILURES = [
    # (board, build failure, programmer failure, probes, serial, step, words)
    ("STM32H747I-DISCO", "none", "none", [], None, "check", "No ST-LINK probe is connected"),
    (
        "STM32H747I-DISCO",
        "none",
        "none",
        [("0001", "STM32H747I-DISCO"), ("0002", "STM32H747I-DISCO")],
        None,
        "check",
        "2 probes could be the STM32H747I-DISCO: 0001",
    ),
    ("STM32H747I-DISCO", "none", "none", [("0001", "STM32H747I-DISCO")], "0009", "check", "0009"),
    (
        "STM32H747I-DISCO",
        "none",
        "none",
        [("0001", "NUCLEO-F401RE")],
        None,
        "check",
        "No STM32H747I-DISCO is connected",
    ),
    ("STM32H747I-DISCO", "error", "none", None, None, "build", "'foo' undeclared"),
    ("STM32H747I-DISCO", "overflow", "none", None, None, "build", "does not fit the memory"),
    ("STM32H747I-DISCO", "no_configuration", "none", None, None, "build", "no such build configuration"),
    ("STM32H747I-DISCO", "silent", "none", None, None, "build", "made no new ELF file"),
    ("STM32H747I-DISCO", "crash", "none", None, None, "build", "signal 11"),
    ("STM32H747I-DISCO", "disk", "none", None, None, "build", "the disk is full"),
    ("STM32H747I-DISCO", "none", "write", None, None, "flash", "failed to download Sector"),
    ("STM32H747I-DISCO", "none", "protected", None, None, "flash", "the flash is protected"),
    ("STM32H747I-DISCO", "none", "target", None, None, "flash", "does not reach the chip"),
    ("STM32H747I-DISCO", "none", "usb", None, None, "flash", "another program holds the probe"),
    ("STM32H747I-DISCO", "none", "verify", None, None, "verify", "differs at 0x08000FFF"),
    ("STM32H747I-DISCO", "none", "read_short", None, None, "verify", "2,048 bytes"),
    ("STM32H747I-DISCO", "none", "disk", None, None, "verify", "the disk is full"),
    ("STM32N6570-DK", "none", "sign", None, None, "sign", "Unable to open binary file"),
    ("STM32N6570-DK", "none", "sign_silent", None, None, "sign", "missing or holds no signed image"),
]


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: "-".join(str(part) for part in (*case[:3], case[5])))
def test_each_failure_is_one_message_that_names_the_cause(bench, tmp_path, case) -> None:
    board, build, failure, probes, serial, step, words = case
    made = bench(board, build=build)
    if probes is not None:
        install_programmer(tmp_path / "programmer", probes)
    made.stand_in.fail(failure)
    made.change(serial=serial)
    with pytest.raises(ZooError) as caught:
        deploy(made.job, None, made.progress)
    message = str(caught.value)
    assert message.startswith((f"Deployment stopped at the step {step}.",))
    assert words in message
    state = json.loads((made.job.folder / "deployment.json").read_text())
    assert state["steps"][step]["status"] == "failed"
    assert not set(H7_STEPS[H7_STEPS.index(step) + 1 :]) & set(state["steps"])


def test_a_failed_build_shows_its_last_forty_lines(bench) -> None:
    made = bench(build="error")
    with pytest.raises(ZooError) as caught:
        deploy(made.job, None, made.progress)
    lines = [line for line in str(caught.value).splitlines() if line.startswith("arm-none-eabi-gcc source_")]
    assert lines[0].endswith("source_12.c")  # 50 lines of the compiler and 2 of the error; 40 are shown
    assert len(lines) == 38
    assert (made.job.folder / "logs/build.log").read_text().count("source_") == 50


@pytest.mark.parametrize("step", ["build", "flash"])
def test_a_tool_that_hangs_is_stopped(bench, tmp_path, step: str) -> None:
    made = bench(build="hang" if step == "build" else "none")
    if step == "flash":
        made.stand_in.fail("hang")
    made.change(limits=type(made.job.limits)(build_s=2 if step == "build" else 20, flash_s=1, poll_s=0.02))
    with pytest.raises(ZooError, match="did not end within"):
        deploy(made.job, None, made.progress)


def test_an_interrupted_deployment_goes_on_where_it_stopped(bench, tmp_path) -> None:
    made = bench()
    made.stand_in.fail("write")
    with pytest.raises(ZooError):
        deploy(made.job, None, made.progress)
    made.stand_in.fail("none")
    elf = made.job.project / "STM32CubeIDE/Release/Demo_CM7.elf"
    built = elf.stat().st_mtime_ns
    outcome = deploy(made.job, None, made.progress)
    assert [step.name for step in outcome.steps if step.status == "kept"] == [
        "generate",
        "place",
        "build",
        "size",
        "sign",
    ]
    assert elf.stat().st_mtime_ns == built
    assert len(made.generator.options) == 1
    assert outcome.report is not None
    assert outcome.report.weights == 4096
    assert outcome.sizes["flash"] == 4096


def test_a_deployment_that_was_killed_goes_on(bench, monkeypatch) -> None:
    made = bench()
    monkeypatch.setattr("zoo_stm32.deployment.mcu.measure", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        deploy(made.job, None, made.progress)
    state = json.loads((made.job.folder / "deployment.json").read_text())
    assert state["steps"]["size"]["status"] == "running"
    monkeypatch.undo()
    outcome = deploy(made.job, None, made.progress)
    assert {step.name: step.status for step in outcome.steps}["build"] == "kept"
    assert outcome.steps[-1].status == "done"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_changed_product_is_made_again(bench) -> None:
    made = bench()
    made.stand_in.fail("write")
    with pytest.raises(ZooError):
        deploy(made.job, None, made.progress)
    made.stand_in.fail("none")
    (made.job.project / "Application/Network/Src/network.c").write_text("edited")
    outcome = deploy(made.job, None, made.progress)
    assert {step.name: step.status for step in outcome.steps}["place"] == "done"
    assert (made.job.project / "Application/Network/Src/network.c").read_text() == "/* model.onnx */\n"


def test_another_model_starts_from_the_beginning(bench) -> None:
    made = bench()
    made.stand_in.fail("write")
    with pytest.raises(ZooError):
        deploy(made.job, None, made.progress)
    made.stand_in.fail("none")
    made.job.model.write_text("another model")
    outcome = deploy(made.job, None, made.progress)
    assert all(step.status != "kept" for step in outcome.steps)


def test_steps_run_alone_and_say_what_they_need(bench) -> None:
    made = bench()
    outcome = deploy(made.job, ("generate",), made.progress)
    assert [step.name for step in outcome.steps] == ["generate"]
    with pytest.raises(UserError, match="needs what the step build makes"):
        deploy(made.job, ("flash",), made.progress)
    deploy(made.job, ("place", "build"), made.progress)
    assert [step.name for step in deploy(made.job, ("verify", "flash"), made.progress).steps] == ["flash", "verify"]
    deploy(made.job, ("generate",), made.progress)
    with pytest.raises(UserError, match="needs what the step build makes"):
        deploy(made.job, ("flash",), made.progress)  # the image is of the code before
    with pytest.raises(UserError, match=r"deployment\.steps: launch"):
        deploy(made.job, ("launch",), made.progress)


def test_boards_without_an_application_are_refused(bench) -> None:
    made = bench()
    made.change(board=next(board for board in load_boards() if board.name == "NUCLEO-F401RE"))
    with pytest.raises(UserError, match="no application of ST"):
        steps_for(made.job)


def test_a_missing_project_folder_is_named(bench, tmp_path) -> None:
    made = bench()
    made.change(project=tmp_path / "nowhere")
    with pytest.raises(MissingError, match="nowhere does not exist"):
        deploy(made.job, None, made.progress)
    made.change(project=None)
    with pytest.raises(UserError, match=r"deployment\.c_project_path is not set"):
        deploy(made.job, None, made.progress)


def test_a_full_disk_is_one_message(bench, monkeypatch) -> None:
    made = bench()

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ZooError, match="the disk is full"):
        deploy(made.job, None, made.progress)
    assert not list(made.job.project.rglob("*.tmp"))


def test_the_generator_must_write_every_file(bench) -> None:
    made = bench("STM32N6570-DK")
    made.generator.leave_out = ("network_ecblobs.h",)
    with pytest.raises(UserError, match=r"did not write network_ecblobs\.h"):
        deploy(made.job, None, made.progress)


def test_an_image_larger_than_a_memory_is_refused(bench, tmp_path) -> None:
    made = bench()
    install_cubeide(tmp_path / "cubeide")
    small = made.job.board.memories[0].__class__(name="flash", kind="flash", origin=0x08000000, size=100)
    other = tuple(memory for memory in made.job.board.memories if memory.name != "flash")
    deploy(made.job, ("generate", "place", "build"), made.progress)
    made.change(board=type(made.job.board)(**{**_fields(made.job.board), "memories": (small, *other)}))
    with pytest.raises(UserError, match="4,096 bytes needed, 100 there"):
        deploy(made.job, ("size",), made.progress)


def _fields(board) -> dict:
    return {name: getattr(board, name) for name in board.__dataclass_fields__}


def test_the_projects_own_board_file_goes_first(bench) -> None:
    made = bench()
    other = made.job.project / "Elsewhere"
    other.mkdir()
    (made.job.project / "stmaic_STM32H747I-DISCO.conf").write_text(
        """{ // settings of the project
        "version": "0.1", "description": "see https://example.com // not a comment",
        "builder": "stm32_cube_ide", "env": {"Net": "${ProjectFolder}/Elsewhere"},
        "templates": [["x/network.c", "${Net}/", "copy-file"], ["x/network.h", "${Net}/renamed.h", "copy"]],
        "memory_pool": {"application_size": "300KB", "lib_size": "20 KB"},
        "configurations": [{"name": "CM7", "cproject_config": "Debug", "cproject_location": "STM32CubeIDE",
                            "flash_cmd": "rm -rf /"},],
        }"""
    )
    outcome = deploy(made.job, None, made.progress)
    assert (other / "network.c").exists()
    assert (other / "renamed.h").exists()
    assert (made.job.project / "STM32CubeIDE/Debug/Demo_CM7.elf").exists()
    assert not any("rm" in call for call in made.stand_in.calls())
    assert outcome.steps[-1].name == "verify"


def test_a_board_file_that_leads_out_of_the_project_is_refused(bench) -> None:
    made = bench()
    (made.job.project / "stmaic_STM32H747I-DISCO.conf").write_text(
        '{"version": "0.1", "templates": [["network.c", "../../etc/", "copy"]]}'
    )
    with pytest.raises(UserError, match="leads out of the project"):
        deploy(made.job, None, made.progress)


def test_a_runtime_library_of_the_tool_is_placed(bench, tmp_path) -> None:
    made = bench("STM32H747I-DISCO")
    runtime = tmp_path / "Middlewares/ST/AI"
    for name in ("Inc/ai_platform.h", "Lib/GCC/ARMCortexM7/NetworkRuntime_CM7.a", "Lib/GCC/ARMCortexM4/Other.a"):
        (runtime / name).parent.mkdir(parents=True, exist_ok=True)
        (runtime / name).write_text(name)
    made.change(runtime=runtime)
    deploy(made.job, None, made.progress)
    placed = made.job.project / "Middlewares/STM32_AI_Runtime"
    assert sorted(str(p.relative_to(placed)) for p in placed.rglob("*.[ah]")) == [
        "Inc/ai_platform.h",
        "Lib/NetworkRuntime_CM7.a",
        "Lib/NetworkRuntime_GCC.a",
    ]
