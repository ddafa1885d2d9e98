"""Built-in trackers call MLflow, ClearML and Weights & Biases as these document it; stand-ins note the calls."""

from __future__ import annotations

import inspect
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from zoo_core.errors import MissingError
from zoo_core.plugins import PluginSelection, build_catalog
from zoo_core.reporting.trackers import asking, clearml_tracker, mlflow_tracker, wandb_tracker
from zoo_core.reporting.trackers.feed import TrackerFeed, open_sender
from zoo_core.runs.tracker_state import TrackerState

VARIABLES = ("CLEARML_OFFLINE_MODE", "WANDB_MODE", "WANDB_SILENT", *mlflow_tracker.MANNERS, "MLFLOW_ALLOW_FILE_STORE")


HISTOGRAMS = {"conv.weight": {"edges": [-1.0, 1.0, 3.0], "counts": [3, 5]}}


class Calls:
    """Note every call, refusing arguments that the documented signature does not have."""

    def __init__(self, **signatures: str) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        for name, signature in signatures.items():
            setattr(self, name, self._method(name, signature))

    def _method(self, name: str, signature: str) -> Any:
        space: dict[str, Any] = {}
        exec(f"def function({signature}): pass", space)  # noqa: S102 - the texts stand below
        known = inspect.signature(space["function"])

        def method(*args: Any, **kwargs: Any) -> Any:
            bound = known.bind(*args, **kwargs)
            self.made.append((name, dict(bound.arguments)))
            return self.answers.get(name)

        return method

    def of(self, name: str) -> list[dict[str, Any]]:
        return [arguments for made, arguments in self.made if made == name]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLEARML_CONFIG_FILE", str(tmp_path / "absent.conf"))


def module(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> Any:
    made = types.ModuleType(name)
    made.__dict__.update(members)
    made.__spec__ = types.SimpleNamespace(name=name)  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, name, made)
    return made


def send(name: str, config: Any, run_dir: Path, events: Any) -> Any:
    """Tell a tracker of core of a run, in this process, where the stand-ins are."""
    tracker = build_catalog(PluginSelection(only=())).trackers.resolve(name)
    sender = open_sender(tracker, config, run_dir)
    if sender is None:
        return []
    sender.catch_up(events)
    sender.close()
    return [sender.failure]


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Calls:
    client = Calls(
        get_experiment_by_name="name",
        create_experiment="name, artifact_location=None, tags=None",
        create_run="experiment_id, start_time=None, tags=None, run_name=None",
        get_run="run_id",
        update_run="run_id, status=None, name=None",
        log_batch="run_id, metrics=(), params=(), tags=(), synchronous=None",
        log_artifact="run_id, local_path, artifact_path=None",
        set_terminated="run_id, status=None, end_time=None",
    )
    client.answers = {
        "create_experiment": "4",
        "create_run": types.SimpleNamespace(info=types.SimpleNamespace(run_id="r1")),
        "get_run": types.SimpleNamespace(data=types.SimpleNamespace(params={"training.epochs": "2"})),
    }
    client.addresses = []  # type: ignore[attr-defined]

    def make(tracking_uri: str) -> Calls:
        client.addresses.append(tracking_uri)  # type: ignore[attr-defined]
        return client

    entity = types.SimpleNamespace(
        Param=lambda key, value: (key, value),
        RunTag=lambda key, value: (key, value),
        Metric=lambda key, value, timestamp, step: (key, value, step),
    )
    refusal = types.SimpleNamespace(MlflowException=RuntimeError)
    module(monkeypatch, "mlflow", MlflowClient=make, entities=entity, exceptions=refusal)
    return client


def test_mlflow_gets_names_of_st_and_ours(tmp_path, mlflow, config, told) -> None:
    run_dir = tmp_path / "run"
    assert send("mlflow", config(uri="http://127.0.0.1:5000"), run_dir, told(run_dir).events) == [None]
    assert mlflow.addresses == ["http://127.0.0.1:5000"]
    assert mlflow.of("create_experiment")[0]["name"] == "parts"
    assert mlflow.of("create_run")[0]["run_name"] == "run"
    batches = mlflow.of("log_batch")
    params = dict(param for batch in batches for param in batch.get("params", ()))
    assert params == {
        "training.epochs": "2",
        "model.model_path": "/x/net.pt",
        "model.names": "['a', 'b']",
        "model_path": "/x/net.pt",
        "config_path": str(tmp_path),
        "config_name": "user",
    }
    metrics = [metric for batch in batches for metric in batch.get("metrics", ())]
    assert ("val_top1", 42.0, 2) in metrics
    assert ("int8/test/top1", 91.0, 0) in metrics
    assert ("int_acc_test_set", 91.0, 0) in metrics
    stored = {
        call["local_path"].removeprefix(f"{run_dir}/"): call["artifact_path"] for call in mlflow.of("log_artifact")
    }
    assert stored == {"saved_models/net.onnx": "saved_models", "curves.png": None, "table.csv": None}
    assert mlflow.made[-1] == ("set_terminated", {"run_id": "r1", "status": "FINISHED"})


def test_mlflow_goes_on_in_the_same_run_and_keeps_changed_parameters_as_tags(tmp_path, mlflow, config, told) -> None:
    events = told(tmp_path).events
    send("mlflow", config(uri="http://127.0.0.1:5000"), tmp_path, events)
    mlflow.made.clear()
    recorder = told(tmp_path, epochs=3)
    send("mlflow", config(uri="http://127.0.0.1:5000"), tmp_path, recorder.events)
    assert mlflow.of("create_run") == []
    assert mlflow.of("update_run") == [{"run_id": "r1", "status": "RUNNING"}]
    tags = [tag for batch in mlflow.of("log_batch") for tag in batch.get("tags", ())]
    assert tags == [("changed.training.epochs", "3")]
    steps = [step for batch in mlflow.of("log_batch") for name, _, step in batch.get("metrics", ()) if name == "lr"]
    assert steps == [3]


def test_mlflow_at_another_address_gets_a_new_run_with_everything(tmp_path, mlflow, config, told) -> None:
    events = told(tmp_path).events
    for port in (5000, 5001):
        mlflow.made.clear()
        send("mlflow", config(uri=f"http://127.0.0.1:{port}"), tmp_path, events)
        assert len(mlflow.of("create_run")) == 1
        assert {step for batch in mlflow.of("log_batch") for _, _, step in batch.get("metrics", ())} == {0, 1, 2}


def test_mlflow_folder_is_relative_to_the_configuration_file(tmp_path, mlflow, config, told, monkeypatch) -> None:
    run_dir = tmp_path / "run"
    send("mlflow", config(uri="./outputs/mlruns"), run_dir, told(run_dir).events)
    assert mlflow.addresses == [(tmp_path / "outputs" / "mlruns").as_uri()]


def test_mlflow_that_no_longer_writes_folders_gets_a_database_beside_it(
    tmp_path, mlflow, config, told, monkeypatch
) -> None:
    known = sys.modules["mlflow"].MlflowClient

    def refuse(tracking_uri: str) -> Calls:
        if tracking_uri.startswith("file:"):
            raise RuntimeError("maintenance mode")
        return known(tracking_uri)

    monkeypatch.setattr(sys.modules["mlflow"], "MlflowClient", refuse)
    run_dir = tmp_path / "run"
    assert send("mlflow", config(uri="outputs/mlruns"), run_dir, told(run_dir).events) == [None]
    assert mlflow.addresses == [f"sqlite:///{tmp_path}/outputs/mlflow.db"]
    assert mlflow.of("create_experiment")[0]["artifact_location"] == (tmp_path / "outputs" / "mlruns").as_uri()


@pytest.mark.parametrize(("status", "end"), [("failed", "FAILED"), ("interrupted", "KILLED"), ("done", "FINISHED")])
def test_mlflow_learns_how_the_run_ended(status, end, tmp_path, mlflow, config, told) -> None:  # noqa: PLR0917
    events = told(tmp_path).events
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"done"', f'"{status}"'))
    send("mlflow", config(uri="http://127.0.0.1:5000"), tmp_path, events)
    assert mlflow.of("set_terminated")[0]["status"] == end


def test_mlflow_takes_at_most_a_hundred_values_at_once(tmp_path, mlflow, config, told) -> None:
    tracker = mlflow_tracker.MlflowTracker("http://127.0.0.1:5000", tmp_path)
    tracker.log_parameters({f"section.key{number}": number for number in range(250)})
    tracker.log_metrics({f"m@{number}": 1.0 for number in range(101)}, 1)
    sizes = [len(batch.get("params") or batch.get("metrics")) for batch in mlflow.of("log_batch")]
    assert sizes == [100, 100, 50, 100, 1]
    assert mlflow.of("log_batch")[3]["metrics"][0] == ("m_0", 1.0, 1)


def test_mlflow_is_quiet_without_its_package_or_address(tmp_path, config, monkeypatch) -> None:
    monkeypatch.setattr(asking, "is_installed", lambda _: False)
    assert mlflow_tracker.build(config(uri="http://127.0.0.1:5000"), tmp_path) is None
    monkeypatch.setattr(asking, "is_installed", lambda _: True)
    assert mlflow_tracker.build(config(), tmp_path) is None


@pytest.fixture
def clearml(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    logger = Calls(
        report_scalar="title, series, value, iteration",
        report_single_value="name, value",
        report_image="title, series, iteration=None, local_path=None",
        report_histogram="title, series, values, iteration=None, labels=None, xlabels=None, xaxis=None, yaxis=None, "
        "mode=None, data_args=None, extra_layout=None",
    )
    task = Calls(
        connect="mutable, name=None",
        connect_configuration="configuration, name=None",
        upload_artifact="name, artifact_object, metadata=None, wait_on_upload=False",
        flush="wait_for_uploads=False",
        mark_failed="ignore_errors=True, status_reason=None, status_message=None, force=False",
        close="",
        get_offline_mode_folder="",
        get_output_log_web_page="",
        get_logger="",
    )
    task.answers = {"get_logger": logger}
    task.id = "t1"  # type: ignore[attr-defined]
    init = Calls(
        set_offline="offline_mode=False",
        init="project_name=None, task_name=None, task_type=None, tags=None, reuse_last_task_id=True, "
        "continue_last_task=False, output_uri=None, auto_connect_arg_parser=True, auto_connect_frameworks=True, "
        "auto_resource_monitoring=True, auto_connect_streams=True, deferred_init=False",
    )
    init.answers = {"init": task}
    init._report_subprocess_enabled = True  # type: ignore[attr-defined]
    module(monkeypatch, "clearml", Task=init)
    return types.SimpleNamespace(task=task, logger=logger, init=init)


def test_clearml_gets_curves_values_plots_artifacts_and_configuration(
    tmp_path, clearml, config, told, monkeypatch
) -> None:
    monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
    (tmp_path / "resolved_config.yaml").write_text("a: 1\n")
    assert send("clearml", config(), tmp_path, told(tmp_path).events) == [None]
    (init,) = clearml.init.of("init")
    assert (init["project_name"], init["task_name"], init["continue_last_task"]) == ("parts", tmp_path.name, False)
    watched = init.pop("auto_connect_frameworks")
    assert watched["detect_repository"] is watched["pytorch"] is False
    assert not any(value for name, value in init.items() if name.startswith("auto_"))
    scalars = [tuple(call.values()) for call in clearml.logger.of("report_scalar")]
    assert ("loss", "train", 0.5, 2) in scalars
    assert ("top1", "val", 42.0, 2) in scalars
    assert ("lr", "lr", 0.1, 1) in scalars
    assert {"name": "int_acc_test_set", "value": 91.0} in clearml.logger.of("report_single_value")
    assert [call["title"] for call in clearml.logger.of("report_image")] == ["curves"]
    artifacts = [call["name"] for call in clearml.task.of("upload_artifact")]
    assert artifacts == ["resolved_config.yaml", "saved_models/net.onnx", "table.csv"]
    assert clearml.task.of("connect")[0]["mutable"]["training.epochs"] == 2
    assert clearml.task.of("connect_configuration")[0]["configuration"] == tmp_path / "resolved_config.yaml"
    assert clearml.task.of("close") == [{}]


def test_clearml_is_on_where_a_configuration_exists_and_continues_its_task(
    tmp_path, clearml, config, told, monkeypatch
) -> None:
    assert clearml_tracker.build(config(), tmp_path) is None
    conf = tmp_path / "clearml.conf"
    conf.write_text("api {}\n")
    monkeypatch.setenv("CLEARML_CONFIG_FILE", str(conf))
    for known in (False, "t1"):
        send("clearml", config(), tmp_path, told(tmp_path).events)
        assert clearml.init.of("init")[-1]["continue_last_task"] == known


def test_clearml_gets_histograms_and_starts_no_second_process(tmp_path, clearml, monkeypatch) -> None:
    monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
    clearml_tracker.ClearmlTracker(tmp_path).log_histograms(HISTOGRAMS, 4)
    (call,) = clearml.logger.of("report_histogram")
    assert call["title"] == "conv.weight"
    assert call["values"] == [3, 5]
    assert (call["iteration"], call["xlabels"]) == (4, ["0", "2"])
    assert clearml.init._report_subprocess_enabled is False


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    run = Calls(
        define_metric="name, step_metric=None",
        log="data, step=None, commit=None",
        log_artifact="artifact_or_path, name=None, type=None",
        save="glob_str=None, base_path=None, policy='live'",
        finish="exit_code=None, quiet=None",
    )
    run.config = Calls(update="d, allow_val_change=None")  # type: ignore[attr-defined]
    run.summary = Calls(update="d")  # type: ignore[attr-defined]
    top = Calls(init="project=None, name=None, id=None, resume=None, dir=None, settings=None")
    top.answers = {"init": run}
    settings: Any = type("Settings", (types.SimpleNamespace,), {"model_fields": {"silent": None, "console": None}})
    members = {"Settings": settings, "Image": lambda path: ("image", path), "init": top.init}  # type: ignore[attr-defined]
    found = module(monkeypatch, "wandb", api=types.SimpleNamespace(api_key=None), **members)
    return types.SimpleNamespace(run=run, top=top, module=found)


def test_wandb_gets_points_summary_pictures_and_models(tmp_path, wandb, config, told, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert send("wandb", config(log_wandb=True), tmp_path, told(tmp_path).events) == [None]
    (init,) = wandb.top.of("init")
    assert (init["project"], init["name"], init["resume"], init["dir"]) == (
        "parts",
        tmp_path.name,
        "allow",
        str(tmp_path),
    )
    assert TrackerState(tmp_path, "wandb").get("run_id") == init["id"]
    points = [call["data"] for call in wandb.run.of("log")]
    assert points[0] == {"epoch": 1, "lr": 0.1, "train_loss": 1.0, "val_top1": 41.0}
    assert points[-1] == {"curves.png": ("image", str(tmp_path / "curves.png"))}
    assert wandb.run.summary.of("update") == [{"d": {"int8/test/top1": 91.0, "int_acc_test_set": 91.0}}]
    assert [call["name"] for call in wandb.run.of("log_artifact")] == ["saved_models-net.onnx"]
    assert [Path(call["glob_str"]).name for call in wandb.run.of("save")] == ["table.csv"]
    assert wandb.run.made[-1] == ("finish", {"exit_code": 0})
    send("wandb", config(log_wandb=True), tmp_path, told(tmp_path).events)
    assert wandb.top.of("init")[1]["id"] == init["id"]


def test_wandb_gets_histograms(tmp_path, wandb, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.module.Histogram = lambda np_histogram: ("histogram", *np_histogram)
    wandb_tracker.WandbTracker(tmp_path).log_histograms(HISTOGRAMS, 4)
    (call,) = wandb.run.of("log")
    assert call["data"] == {"epoch": 4, "weights/conv.weight": ("histogram", [3, 5], [-1.0, 1.0, 3.0])}


def test_wandb_without_login_is_told_before_it_asks(tmp_path, wandb, config) -> None:
    with pytest.raises(MissingError, match=r"nobody is logged in.*\n.*WANDB_MODE=offline"):
        wandb_tracker.build(config(log_wandb=True), tmp_path)
    assert wandb_tracker.build(config(), tmp_path) is None


@pytest.mark.parametrize(
    ("name", "package", "asked"),
    [("wandb", "wandb", {"log_wandb": True}), ("tensorboard", "tensorboardX", {"log_tb": True})],
)
def test_an_absent_package_is_one_line_with_its_cure(  # noqa: PLR0917
    name, package, asked, tmp_path, config, told, monkeypatch, warnings_of_zoo
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    tracker = build_catalog(PluginSelection(only=())).trackers.resolve(name)
    feed = TrackerFeed.open([tracker], config(**asked), tmp_path, told(tmp_path).events)
    assert feed.followers == []
    (line,) = warnings_of_zoo()
    assert line.startswith(f"Tracker {name} of zoo-core")
    assert f"package {package}" in line
    assert "pip install" in line
