"""Test what the client asks for, what it reads, and that an interrupted run finds its job again."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import replace

import pytest

from zoo_core.errors import UserError
from zoo_stm32.boards import load_boards
from zoo_stm32.cloud import CloudError, CloudOptions
from zoo_stm32.testing.cloud import STATES, CloudFailure, CloudServer

BENCHMARK = "/api/benchmark/benchmark/stm32"


def test_figures_of_a_microcontroller_with_internal_and_external_not_swapped(scene):
    with CloudServer() as server:
        report = scene.measure(server)
    assert report.version == "4.0.0-20500"
    assert (report.activations, report.weights, report.macs) == (65_536, 1000, 1_250_000)
    assert (report.library_ram, report.library_flash) == (1_023, 20_405)
    # The stand-in puts the 700 bytes of conv_0 into internal flash and the 300 of dense_1 into external flash.
    assert (report.internal_flash, report.external_flash) == (700, 300)
    assert (report.internal_ram, report.external_ram) == (50_000, 15_536)
    assert (report.cycles, report.duration_ms, report.device) == (12_000_000, 30.0, "STM32H747I-DISCO")
    assert [layer.macs for layer in report.layers] == [1_000_000, 250_000]
    named = {metric.name: metric.value for metric in report.metrics()}
    assert named["total_flash"] == 1000 + 20_405
    assert named["inference_time"] == 30.0


def test_the_older_form_of_a_result_gives_the_same_figures(scene):
    with CloudServer() as server:
        new = scene.measure(server)
    scene.state = scene.state.with_name("old.json")
    with CloudServer(failure=CloudFailure.OLD_FORM) as server:
        old = scene.measure(server)
    for name in ("activations", "weights", "macs", "library_ram", "library_flash", "internal_flash", "external_flash",
                 "internal_ram", "external_ram", "cycles", "duration_ms"):  # fmt: skip
        assert getattr(old, name) == getattr(new, name), name
    assert old.version == "2.0.0"


def test_figures_of_an_application_processor(scene):
    with CloudServer() as server:
        report = scene.measure(server, "STM32MP157F-DK2")
        job = server.jobs["mpu-1"]
    assert (report.npu_share, report.gpu_share, report.cpu_share) == (0.8, 0.15, 0.05)
    assert (report.duration_ms, report.model_bytes, report.peak_ram) == (12.5, 1000, 7_000_000)
    assert report.version == "stai_mpu 6.1.0"
    assert job.fields == {"engine": "cpu", "nbCores": 2, "version": "4.0.0"}


def test_stm32mp2_gets_a_binary_graph(scene):
    with CloudServer() as server:
        report = scene.measure(server, "STM32MP257F-EV1")
        conversion, benchmark = server.jobs.values()
    assert conversion.kind == "conversion"
    assert benchmark.model.endswith(".nb")
    assert benchmark.fields["engine"] == "hw_accelerator"
    assert benchmark.fields["nbCores"] == 2
    assert report.model_bytes == 1003


def test_a_binary_graph_can_be_saved(connect, model, state, run_folder, progress):
    with CloudServer() as server:
        target = run_folder / "generated" / "net.nb"
        name = connect(server).generate_nbg(model, state, progress, target)
        assert server.models[name] == b"NBG" + model.read_bytes()
    assert target.read_bytes() == b"NBG" + model.read_bytes()


def test_n6_asks_for_the_npu_compiler(scene):
    with CloudServer() as server:
        scene.measure(server, "STM32N6570-DK")
        assert server.jobs["benchmark-1"].fields == {
            "fromModel": "net.onnx",
            "optimization": "balanced",
            "series": "stm32n6",
            "target": "stm32n6",
            "stNeuralArt": "default",
            "atonnOptions": {"enable-epoch-controller": True},
            "version": "4.0.0",
        }


@pytest.mark.parametrize("name", [entry.name for entry in load_boards()])
def test_every_board_is_asked_for_with_its_own_series(name, scene):
    chosen = scene.board(name)
    with CloudServer() as server:
        report = scene.measure(server, name)
        fields = next(job for job in server.jobs.values() if job.kind != "conversion").fields
    assert report.device == name
    if chosen.series.startswith("STM32MP"):
        assert "series" not in fields
        assert fields["nbCores"] == (1 if name == "STM32MP135F-DK" else 2)
    else:
        assert fields["series"] == chosen.series.lower()


def test_memory_pools_travel_inside_the_request(scene, tmp_path):
    pools = tmp_path / "user.mpool"
    pools.write_text('{"memory": {"mempools": [{"fname": "AXISRAM1"}]}}')
    options = {"optimization": "ram", "memory_pool": pools, "extra": {"compression": "low"}}
    with CloudServer() as server:
        scene.measure(server, **options)
        fields = server.jobs["benchmark-1"].fields
        scene.connect(server).analyze(scene.model, scene.board(), CloudOptions(**options), scene.progress)
        assert server.jobs["analyze-2"].fields["target"] == "stm32h7"
    assert fields["mpool"] == {"memory": {"mempools": [{"fname": "AXISRAM1"}]}}
    assert (fields["optimization"], fields["compression"]) == ("ram", "low")
    pools.write_text("{")
    with CloudServer() as server, pytest.raises(UserError, match="not JSON"):
        scene.measure(server, **options)


def test_a_version_is_chosen_by_its_name_else_the_latest_with_a_note(scene):
    with CloudServer() as server:
        older = scene.measure(server, version="3.0.0")
        other = scene.measure(server, version="10.0.0")
        assert [job.fields["version"] for job in server.jobs.values()] == ["3.0.0", "4.0.0"]
    assert older.notes == ()
    assert "Version 10.0.0 is not offered" in other.notes[0]


def test_the_same_content_is_sent_once_and_other_content_never_taken_for_it(connect, model, tmp_path, progress):
    twin = tmp_path / "other_name.onnx"
    twin.write_bytes(model.read_bytes())
    with CloudServer() as server:
        client = connect(server)
        first = client.upload(model, progress)
        assert client.upload(twin, progress).name == first.name
        assert server.count("POST", "/api/file/files/models") == 1
        model.write_bytes(b"retrained")
        second = client.upload(model, progress)
        assert server.models == {first.name: twin.read_bytes(), second.name: b"retrained"}
    assert first.sha256 == hashlib.sha256(twin.read_bytes()).hexdigest()
    assert first.name != second.name


def test_an_interrupted_run_resumes_the_same_job(scene, secrets_in):
    with CloudServer() as server:
        scene.progress.interrupt_at = "building"
        with pytest.raises(KeyboardInterrupt):
            scene.measure(server)
        kept = json.loads(scene.state.read_text())
        assert [job["identifier"] for job in kept["jobs"]] == ["benchmark-1"]
        scene.progress.interrupt_at = ""
        report = scene.measure(server)
        assert list(server.jobs) == ["benchmark-1"]
        assert server.count("POST", BENCHMARK) == 1
        assert secrets_in(server) == []
    assert report.duration_ms == 30.0


def test_another_model_or_option_is_another_job(scene):
    with CloudServer() as server:
        scene.measure(server)
        scene.measure(server, optimization="time")
        scene.model.write_bytes(b"other content")
        scene.measure(server)
        assert len(server.jobs) == 3


def test_a_job_that_the_service_no_longer_knows_is_started_anew(scene):
    with CloudServer() as server:
        scene.measure(server)
        kept = json.loads(scene.state.read_text())
        kept["jobs"][0]["identifier"] = "benchmark-of-long-ago"
        scene.state.write_text(json.dumps(kept))
        assert scene.measure(server).duration_ms == 30.0
        assert len(server.jobs) == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schema": 9, "jobs": []}',
        '{"schema": 1, "jobs": [{"kind": "x"}]}',
        '{"schema": 1, "jobs": [{"kind": "benchmark", "identifier": "../x", "request": "a", "host": "b"}]}',
    ],
)
def test_a_damaged_job_file_is_named(content, scene):
    scene.state.write_text(content)
    with CloudServer() as server:
        with pytest.raises(UserError, match=r"cloud_job\.json does not name a job") as caught:
            scene.measure(server)
        assert server.jobs == {}
    assert "Delete it" in caught.value.hint


def test_progress_shows_every_state(scene):
    with CloudServer() as server:
        scene.measure(server)
    shown = [
        title.split(": ")[1].replace(" ", "_") for title in scene.progress.titles if title.startswith("Benchmark on")
    ]
    assert shown == [*STATES, "done"]
    assert scene.progress.titles[0] == "Upload to the Developer Cloud"


def test_the_answer_is_kept_without_secrets(scene, secrets_in):
    with CloudServer() as server:
        for login in ("token", "password"):
            scene.act(scene.connect(server, login), "benchmark", "STM32H747I-DISCO")
            assert secrets_in(server) == []
    kept = json.loads(scene.state.with_name("cloud_job_answer.json").read_text())
    assert kept["benchmark"]["info"]["memory_footprint"]["weights"] == 1000


def test_generated_code_is_unpacked(connect, model, board, run_folder, progress):
    with CloudServer() as server:
        files = connect(server).generate(model, board(), CloudOptions(), run_folder / "code", progress)
    assert sorted(path.relative_to(run_folder / "code").as_posix() for path in files) == [
        "Lib/NetworkRuntime.a", "network.c",
    ]  # fmt: skip
    assert files[0].read_text().startswith("/* generated */")
    assert [path.name for path in run_folder.iterdir()] == ["code"]


def test_validation_gives_its_metrics(connect, model, board, progress):
    with CloudServer() as server:
        report = connect(server).validate(model, board(), CloudOptions(), progress)
    assert report.details["validation"][0]["rmse"] == 0.01
    assert report.duration_ms is None


def test_processors_generate_no_c(connect, model, board, progress):
    with CloudServer() as server, pytest.raises(UserError, match="no C code for STM32MP257F-EV1"):
        connect(server).analyze(model, board("STM32MP257F-EV1"), CloudOptions(), progress)


def test_boards_are_listed_and_one_without_a_device_is_refused(scene, monkeypatch):
    with CloudServer(boards=("STM32H747I-DISCO", "NUCLEO-F401RE")) as server:
        listed = scene.connect(server).boards()
        assert [entry.name for entry in listed] == ["NUCLEO-F401RE", "STM32H747I-DISCO"]
        assert listed[0].count == 1
        empty = [replace(entry, count=0) for entry in listed]
        monkeypatch.setattr("zoo_stm32.cloud.client.list_boards", lambda _: empty)
        with pytest.raises(CloudError, match="no STM32H747I-DISCO connected"):
            scene.measure(server)


def test_check_says_what_is_missing_before_any_work(connect, limits):
    with CloudServer() as server:
        assert connect(server).check() == ()
        (reason,) = connect(server, "none").check()
        assert "no login" in reason
        assert "ZOO_CLOUD_TOKEN" in reason
        assert server.count("POST", "/") == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (reason,) = connect(server, BASE_URL_DEVCLOUD=f"http://127.0.0.1:{port}").check()
    assert "the connection was refused" in reason
    with CloudServer(failure=CloudFailure.HANG) as hanging:
        (reason,) = connect(hanging, own_limits=replace(limits, check=0.2)).check()
    assert "did not answer within the time limit" in reason
