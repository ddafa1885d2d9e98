"""`deployment` through `zoo run` with stand-ins of every tool: blocks of the seeds, steps, resuming, processors."""

from __future__ import annotations

import json

import pytest

from zoo_core.errors import EXIT_OK

SEED = """\
operation_mode: deployment
dataset:
  class_names: [daisy, dandelion, roses, sunflowers, tulips]

tools:
  stedgeai:
    optimization: balanced
    on_cloud: CLOUD
    path_to_stedgeai: TOOL
  path_to_cubeIDE: CUBEIDE

deployment:
  c_project_path: PROJECT
  IDE: GCC
  verbosity: 1
  hardware_setup:
    serie: SERIE
    board: BOARD
"""
STEPS = ["check", "generate", "place", "build", "size", "sign", "flash", "verify"]
SERIES = {"H7": "STM32H7", "N6": "STM32N6", "MP1": "STM32MP1", "MP2": "STM32MP2"}
BOARDS = [
    "STM32H747I-DISCO",
    "STM32N6570-DK",
    pytest.param("NUCLEO-H743ZI2", marks=pytest.mark.slow),
    pytest.param("NUCLEO-N657X0-Q", marks=pytest.mark.slow),
]


def series_of(board: str) -> str:
    return next(name for part, name in SERIES.items() if part in board)


def seed(board: str, installed: dict[str, str], *, tool: object = "C:/ST/STEdgeAI/stedgeai.exe", cloud: bool) -> str:
    values = {
        "CLOUD": str(cloud),
        "TOOL": str(tool),
        "CUBEIDE": installed.get("cubeide", "C:/ST/stm32cubeide.exe"),
        "PROJECT": installed["project"],
        "SERIE": series_of(board),
        "BOARD": board,
    }
    text = SEED
    for key, value in values.items():
        text = text.replace(key, value)
    return text


def states(answer) -> dict[str, str]:
    """Return the state of every step, as the file of the deployment says."""
    (path,) = answer.run_dir.rglob("deployment.json")
    return {name: step["status"] for name, step in json.loads(path.read_text())["steps"].items()}


def header(answer) -> str:
    return next(iter((answer.run_dir / "C_header").glob("a*_config.h"))).read_text()


@pytest.mark.parametrize("board", BOARDS)
def test_the_block_of_the_seeds_deploys_with_the_tool_on_this_computer(world, board) -> None:
    installed = world.bench(board)
    answer = world.run(seed(board, installed, tool=world.tool(), cloud=False))
    assert answer.code == EXIT_OK, answer.text
    assert list(states(answer)) == STEPS
    assert answer.result["facts"]["board"] == board
    assert answer.result["facts"]["deployed"].endswith("verify done")
    assert '"daisy"' in header(answer)  # the model names its classes itself
    project = world.root / "project"
    (code,) = project.rglob("network.c")
    assert code.read_text() == next(answer.run_dir.rglob("st_ai_output/network.c")).read_text()
    writes = [call for call in world.programmer.calls() if {"-d", "-w"} & set(call)]
    assert len(writes) == (3 if "N6" in board else 1)
    if "N6" not in board:
        assert (project / "Middlewares/STM32_AI_Runtime/Lib/NetworkRuntime_CM7.a").exists()
    log = next(answer.run_dir.rglob("stedgeai_generate.log")).read_text().splitlines()[0]
    assert "--input-data-type uint8 --output-data-type float32 --inputs-ch-position chlast" in log


@pytest.mark.parametrize("board", ["STM32H747I-DISCO", "STM32N6570-DK"])
def test_the_block_of_the_seeds_deploys_with_code_of_the_cloud(world, cloud, board) -> None:
    installed = world.bench(board)
    answer = world.run(seed(board, installed, cloud=True))
    assert answer.code == EXIT_OK, answer.text
    assert list(states(answer)) == STEPS
    made = [job for job in cloud.jobs.values() if job.kind == "generate"]
    assert made[0].fields["includeLibraryForSerie"] == series_of(board)
    assert made[0].fields["includeLibraryForIde"] == "gcc"
    assert made[0].fields["inputDataType"] == "uint8"
    assert "--inputs-ch-position chlast" in made[0].fields["extraCommandLineArguments"]
    project = world.root / "project"
    assert list(project.rglob("NetworkRuntime.a"))
    assert list(project.rglob("ai_platform.h"))
    if "N6" in board:
        (weights,) = project.rglob("network_atonbuf.xSPI2.bin")
        assert weights.read_bytes() == (world.shared / "tiny.onnx").read_bytes()
        assert list(project.rglob("ll_aton.c"))


def test_the_project_chooses_the_profile_of_the_npu_compiler_on_the_cloud(world, cloud) -> None:
    installed = world.bench("STM32N6570-DK")
    project = world.root / "project"
    (project / "pools.mpool").write_text('{"memory": {"mempools": []}}')
    options = "--enable-epoch-controller --Oalt-sched"
    profiles = {"Profiles": {"mine": {"memory_pool": "./pools.mpool", "options": options}}}
    (project / "art.json").write_text(json.dumps(profiles))
    pool = {"neuralart_user_path": "art.json", "profile": "mine"}
    (project / "stmaic_STM32N6570-DK.conf").write_text(json.dumps({"version": "0.1", "memory_pool": pool}))
    answer = world.run(seed("STM32N6570-DK", installed, cloud=True), "deployment.steps=[generate]")
    assert answer.code == EXIT_OK, answer.text
    (made,) = [job.fields for job in cloud.jobs.values() if job.kind == "generate"]
    words = made["extraCommandLineArguments"]
    assert "--atonnOptions.enable-epoch-controller --atonnOptions.Oalt-sched" in words
    assert made["stNeuralArt"] == "default"  # the service does not know the names of files here


def test_steps_run_alone_without_what_they_do_not_need(world) -> None:
    installed = world.bench("STM32H747I-DISCO")
    text = seed("STM32H747I-DISCO", installed, tool=world.tool(), cloud=False)
    first = world.run(text, "deployment.steps=[generate, place]")
    assert first.code == EXIT_OK, first.text
    assert list(states(first)) == ["generate", "place"]
    assert world.programmer.calls() == []
    (world.root / "STEdgeAI/Utilities/linux/stedgeai").unlink()
    again = world.resume("deployment.steps=[build, size]")
    assert again.code == EXIT_OK, again.text
    assert list(states(again)) == ["generate", "place", "build", "size"]
    assert again.metrics["used_flash"] == 4096
    wrong = world.resume("deployment.steps=[launch]")
    assert wrong.code != EXIT_OK
    assert "deployment.steps: launch is no step for this board" in wrong.err


def test_an_interrupted_deployment_goes_on_where_it_stopped(world) -> None:
    installed = world.bench("STM32H747I-DISCO", failure="write")
    first = world.run(seed("STM32H747I-DISCO", installed, tool=world.tool(), cloud=False))
    assert first.code != EXIT_OK
    assert "Deployment stopped at the step flash" in first.err
    assert first.results() == []
    assert states(first)["flash"] == "failed"
    built = next((world.root / "project").rglob("*.elf")).stat().st_mtime_ns
    world.programmer.fail("none")
    again = world.resume()
    assert again.code == EXIT_OK, again.text
    assert "build kept" in again.result["facts"]["deployed"]
    assert next((world.root / "project").rglob("*.elf")).stat().st_mtime_ns == built
    assert set(states(again)) == set(STEPS)


def test_all_that_lacks_is_listed_at_once(world) -> None:
    installed = world.bench("STM32H747I-DISCO", probes=[])
    installed["cubeide"] = "/nowhere/stm32cubeide"
    answer = world.run(seed("STM32H747I-DISCO", installed, tool="/nowhere/stedgeai", cloud=False))
    assert answer.code != EXIT_OK
    for words in ("tool: ST Edge AI Core", "tool: STM32CubeIDE", "No ST-LINK probe is connected"):
        assert words in answer.err
    assert answer.results() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("serie: STM32H7", "serie: STM32N6"), "STM32H747I-DISCO is an STM32H7"),
        (("IDE: GCC", "IDE: IAR"), "projects are built with GCC, found IAR"),
        (("board: STM32H747I-DISCO", "board: STM32F746G-DISCO"), "STM32F746G-DISCO"),
        (("board: STM32H747I-DISCO", "board: STM32H747-DISCO"), "Did you mean STM32H747I-DISCO"),
    ],
)
def test_what_contradicts_itself_is_refused(world, change, words) -> None:
    installed = world.bench("STM32H747I-DISCO")
    text = seed("STM32H747I-DISCO", installed, tool=world.tool(), cloud=False).replace(*change)
    answer = world.run(text)
    assert answer.code != EXIT_OK
    assert words in answer.err
    assert answer.results() == []


def test_names_of_the_data_set_stand_in_for_those_that_a_model_lacks(world, tmp_path) -> None:
    import onnx

    from zoo_core.export.onnx_file import read_metadata, set_metadata

    model = onnx.load(world.shared / "tiny.onnx")
    set_metadata(model, {name: value for name, value in read_metadata(model).items() if name != "class_names"})
    onnx.save(model, tmp_path / "nameless.onnx")
    installed = world.bench("STM32H747I-DISCO")
    text = seed("STM32H747I-DISCO", installed, tool=world.tool(), cloud=False)
    answer = world.run(text, "deployment.steps=[generate]", model=str(tmp_path / "nameless.onnx"))
    assert answer.code == EXIT_OK, answer.text
    assert '"daisy"' in header(answer)


MPU = """\
operation_mode: deployment
deployment:
  c_project_path: PROJECT
  board_deploy_path: /usr/local/demo
  hardware_setup: {serie: SERIE, board: BOARD, ip_address: 192.0.2.7}
"""


def mpu_seed(world, board: str, **choices) -> str:
    project = str(world.mpu(board, **choices))
    return MPU.replace("PROJECT", project).replace("SERIE", series_of(board)).replace("BOARD", board)


@pytest.mark.parametrize("board", ["STM32MP257F-EV1", "STM32MP157F-DK2", "STM32MP135F-DK"])
def test_processors_get_application_names_and_model(world, cloud, board) -> None:
    answer = world.run(mpu_seed(world, board))
    assert answer.code == EXIT_OK, answer.text
    assert list(states(answer)) == ["check", "place", "verify", "launch"]
    root = world.root / "board/usr/local/demo"
    assert (root / "Resources/class_names.txt").read_text() == "daisy\ndandelion\nroses\nsunflowers\ntulips\n"
    model = (world.shared / "tiny.onnx").read_bytes()
    if "MP2" in board:
        assert (root / "tiny.nb").read_bytes() == b"NBG" + model
        assert not (root / "tiny.onnx").exists()
        launched = json.loads((world.root / "board/launched.json").read_text())
        assert "/usr/local/demo/tiny.nb" in launched
    else:
        assert (root / "tiny.onnx").read_bytes() == model
        assert cloud.requests == []


def test_a_model_is_converted_once_for_an_interrupted_deployment(world, cloud) -> None:
    from zoo_stm32.testing.ssh import set_failure

    first = world.run(mpu_seed(world, "STM32MP257F-EV1", failure="broken"))
    assert first.code != EXIT_OK
    assert "the connection broke" in first.err
    assert first.results() == []
    set_failure(world.root / "ssh", "none", world.root / "board")
    again = world.resume()
    assert again.code == EXIT_OK, again.text
    assert [job.kind for job in cloud.jobs.values()] == ["conversion"]
    assert "check done, place done" in again.result["facts"]["deployed"]


def test_a_conversion_needs_a_login_before_anything_is_created(world) -> None:
    answer = world.run(mpu_seed(world, "STM32MP257F-EV1"))
    assert answer.code != EXIT_OK
    assert "There is no login" in answer.err
    assert not answer.run_dir.exists()


def test_a_processor_needs_an_address(world, cloud) -> None:
    text = mpu_seed(world, "STM32MP257F-EV1").replace(", ip_address: 192.0.2.7", "")
    answer = world.run(text)
    assert answer.code != EXIT_OK
    assert "deployment.hardware_setup.ip_address must be set" in answer.err
    assert cloud.jobs == {}
