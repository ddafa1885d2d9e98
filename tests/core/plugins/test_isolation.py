"""A plugin that misbehaves spoils no command: seen through the real command line in a fresh interpreter."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from zoo_core.testing.isolation import IsolatedRun, run_isolated, write_plugin

CALL = "import sys; from zoo_core.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
SPEC = """
    from zoo_core import LazyRef, ModelSpec, TaskSpec, hookimpl

    zoo_api = 1

    @hookimpl
    def zoo_tasks():
        yield TaskSpec(name="{task}", summary="A use case.", build=LazyRef("builders:build"))

    @hookimpl
    def zoo_models():
        ref = LazyRef("builders:build")
        yield ModelSpec(name="{model}", task="{task}", summary="A model.", build=ref, config=ref)
"""
GARBAGE = """
    from zoo_core import LazyRef, ModelSpec, TrackerSpec, TrainerSpec, hookimpl

    REF = LazyRef("builders:build")

    def model(**changes):
        return ModelSpec(**{"name": "net", "task": "sorting", "summary": "x", "build": REF, "config": REF, **changes})

    @hookimpl
    def zoo_models():
        yield None
        yield {"name": "net"}
        yield model(name=7)
        yield model(name="pretrained_number", pretrained=("imagenet", 5))
        yield model(name="input_text", input="3x224x224")
        yield model(name="no_task", task=["sorting"])
        yield model(name="tag_list", tags=[[]])
        yield model(name="sound_net")

    @hookimpl
    def zoo_trainers():
        yield TrainerSpec(name="odd_trainer", summary="x", build=REF, tasks=5)

    @hookimpl
    def zoo_trackers():
        while True:
            yield TrackerSpec(name="endless", summary="x", build=REF)
"""
PRINTING = """
    import os, subprocess, sys

    print("print at import")
    sys.stdout.write("written at import\\n")
    sys.__stdout__.write("to the first stdout\\n")
    print("error at import", file=sys.stderr)
    os.write(1, b"descriptor 1\\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    KEPT = sys.stdout
"""
EVIL_ERROR = """
    class Evil(Exception):
        def __str__(self):
            raise self

    raise Evil
"""
BAD = {
    "zoo-absent": ("import acme_ops\n", r"zoo-absent 1 could not be loaded \(ModuleNotFoundError: .*'acme_ops'\)"),
    "zoo-clash": (
        SPEC.format(task="sorting", model="good_net").replace("def zoo_tasks", "def _none").replace("@hookimpl", "", 1),
        r'Model "good_net" is provided by zoo-clash 1 and zoo-good 1\. Use zoo-clash/good_net or',
    ),
    "zoo-old": ("zoo_api = 0\n", r"zoo-old was written for plugin API 0, this is 1\. Update zoo-old\."),
    "zoo-new": ("zoo_api = 2\n", r"zoo-new was written for plugin API 2, this is 1\. Update zoo-core\."),
    "zoo-printing": (PRINTING, r"zoo_printing\.plugin prints to standard output while it is loaded"),
    "zoo-evil": (EVIL_ERROR, r"zoo-evil 1 could not be loaded \(Evil: \(its text could not be read\)\)"),
    "zoo-leaving": ("import sys\nsys.exit(0)\n", r"zoo-leaving 1 could not be loaded \(SystemExit: 0\)"),
    "zoo-root": ("class E(BaseException): ...\nraise E('x')\n", r"zoo-root 1 could not be loaded \(E: x\)"),
    "zoo-garbage": (GARBAGE, r"zoo-garbage: .*"),
}
"""Distribution -> source of its plugin, and the sentence that says what is wrong."""
SLOW = "zoo-slow"
LIMIT_SECONDS = 500.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_plugin(folder, "zoo-good", "1", "good", SPEC.format(task="sorting", model="good_net"))
    for distribution, (source, _) in BAD.items():
        write_plugin(folder, distribution, "1", distribution.removeprefix("zoo-"), source)
    # Nobody needs five seconds to see what two are enough for; the slow tests wait.
    seconds = "import os, time\ntime.sleep(float(os.environ.get('SLOW_SECONDS', '0')))\n"
    write_plugin(folder, SLOW, "1", "slow", seconds)
    return folder


def zoo(site: Path, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> IsolatedRun:
    environ = {"ZOO_CONFIG_DIR": str(site / "config"), **(env or {})}
    return run_isolated(CALL, paths=[site], arguments=arguments, env=environ, cwd=cwd, timeout=LIMIT_SECONDS)


def test_help_loads_none_of_them(site: Path) -> None:
    run = zoo(site, "--help", env={"SLOW_SECONDS": "5"})
    assert run.returncode == 0
    assert "doctor" in run.stdout
    assert run.stderr == ""
    assert not {name for name in run.modules if name.startswith("zoo_") and not name.startswith("zoo_core")}


def test_list_shows_the_sound_components_and_says_what_is_wrong(site: Path) -> None:
    run = zoo(site, "list", "models", "--task", "sorting")
    assert run.returncode == 0, run.stderr
    assert {line.split()[0] for line in run.stdout.splitlines()[1:]} == {
        "sound_net",
        "zoo-clash/good_net",
        "zoo-good/good_net",
    }
    assert "warning: Plugin zoo-absent 1 could not be loaded" in run.stderr
    assert re.search(r"warning: \d+ more problems with plugins\. See: zoo plugins", run.stderr)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("kind", ["tasks", "models", "datasets", "trainers", "quantizers", "targets", "trackers"])
def test_json_is_clean_for_every_kind(site: Path, kind: str) -> None:
    only = ",".join(["zoo-good", "zoo-printing", "zoo-garbage", "zoo-evil"])
    document = json.loads(zoo(site, "list", kind, "--json", "--plugins", only).stdout)
    assert set(document) == {"schema_version", kind}


def test_what_is_printed_at_import_goes_to_stderr_however_it_is_printed(site: Path) -> None:
    run = zoo(site, "list", "models", "--plugins", "zoo-printing,zoo-good", "--json")
    assert [model["name"] for model in json.loads(run.stdout)["models"]] == ["good_net"]
    texts = {"print at import", "written at import", "to the first stdout", "error at import", "descriptor 1"}
    assert {*texts, "from a child"} <= set(run.stderr.splitlines())


def test_stdout_that_a_plugin_kept_goes_on_working(site: Path) -> None:
    code = """
        import os, sys
        from zoo_core.plugins import get_catalog
        get_catalog()
        from zoo_printing.plugin import KEPT
        print("late", file=KEPT)
        print("ours")
        sys.stdout.flush()
        os.write(1, b"ours too\\n")
    """
    run = run_isolated(code, paths=[site], env={"ZOO_PLUGINS": "zoo-printing"})
    assert run.stdout == "ours\nours too\n"
    assert "late" in run.stderr.splitlines()


def test_closed_standard_output_is_no_reason_to_stop(site: Path) -> None:
    code = """
        import os
        os.close(1)
        from zoo_core.plugins import get_catalog
        os.write(2, str(len(get_catalog().reports) > 1).encode())
    """
    run = run_isolated(code, paths=[site], env={"ZOO_PLUGINS": "zoo-good"})
    assert run.stderr == "True"


def test_every_fault_of_a_spec_is_a_sentence(site: Path) -> None:
    document = json.loads(zoo(site, "plugins", "--json", "--plugins", "zoo-garbage,zoo-good").stdout)
    problems = "\n".join(document["problems"])
    for text in (
        "zoo_models gave NoneType instead of ModelSpec",
        "zoo_models gave dict instead of ModelSpec",
        "model 7: name must be str, not 7",
        "model pretrained_number: pretrained must be tuple[str, ...], not ('imagenet', 5)",
        "model input_text: input must be InputSpec, not '3x224x224'",
        "model no_task: task must be str, not ['sorting']",
        "model tag_list: tags must be frozenset[str], not [[]]",
        "trainer odd_trainer: tasks must be frozenset[str] | None, not 5",
        "zoo_trackers failed (ValueError: it gives more than 10000 specs)",
    ):
        assert text in problems
    (garbage,) = [plugin for plugin in document["plugins"] if plugin["name"] == "garbage"]
    assert garbage["provides"]["models"] == ["sound_net"]
    assert len(document["problems"]) < 50, "the same fault over and over is told once"


@pytest.mark.parametrize("distribution", BAD)
def test_strict_plugins_turns_each_into_an_error(site: Path, distribution: str) -> None:
    run = zoo(site, "list", "tasks", "--strict-plugins", "--plugins", f"zoo-good,{distribution}")
    assert run.returncode == 1
    assert run.stdout == ""
    assert re.search(r"error: \d+ problems? with the installed plugins:", run.stderr)
    assert re.search(BAD[distribution][1], run.stderr)
    assert "See: zoo plugins and zoo doctor NAME" in run.stderr


def test_strict_plugins_passes_when_all_are_sound(site: Path) -> None:
    assert zoo(site, "list", "tasks", "--strict-plugins", "--plugins", "zoo-good").returncode == 0


def test_slow_plugin_is_named_while_it_loads_and_its_time_afterwards(site: Path) -> None:
    arguments = ["list", "models", "--json", "--plugins", "zoo-good,zoo-slow", "--strict-plugins"]
    run = zoo(site, *arguments, env={"SLOW_SECONDS": "2.6"})
    assert run.returncode == 1
    first, *others = run.stderr.splitlines()
    assert first == (
        "Still loading plugin zoo-slow 1 (zoo_slow.plugin) after 2 s. To leave it out: zoo plugins disable zoo-slow"
    )
    (seconds,) = re.findall(r"zoo_slow\.plugin took (\d+\.\d) s to load", "\n".join(others))
    assert float(seconds) >= 2.6
    assert json.loads(run.stdout)["error"]["type"] == "PluginError"


def test_quick_plugin_is_not_called_slow(site: Path) -> None:
    run = zoo(site, "list", "models", "--plugins", "zoo-good,zoo-slow", "--strict-plugins")
    assert run.returncode == 0
    assert run.stderr == ""


def test_slow_plugin_can_be_disabled_without_loading_it(site: Path, tmp_path: Path) -> None:
    env = {"SLOW_SECONDS": "60", "ZOO_CONFIG_DIR": str(tmp_path)}
    disabled = zoo(site, "plugins", "disable", SLOW, env=env)
    assert disabled.returncode == 0
    assert "zoo_slow.plugin" not in disabled.modules
    listed = zoo(site, "list", "models", "sound_net", env=env)
    assert "sound_net" in listed.stdout
    assert "zoo_slow.plugin" not in listed.modules


@pytest.mark.slow
def test_real_run_works_beside_all_of_them(site: Path, tmp_path: Path) -> None:
    mean = helper.make_node("GlobalAveragePool", ["x"], ["m"])
    flat = helper.make_node("Flatten", ["m"], ["y"])
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n", 3, 8, 8]), ("y", ["n", 3]))
    ]
    graph = helper.make_graph([mean, flat], "mean", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "mean.onnx")
    text = "operation_mode: benchmarking\nuse_case: image_classification\nmodel: {model_path: mean.onnx}\n"
    text += "dataset: {class_names: [a, b, c]}\nbenchmarking: {board: host}\n"
    (tmp_path / "config.yaml").write_text(text)
    run = zoo(site, "run", "config.yaml", "--json", env={"SLOW_SECONDS": "5"}, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert {"name": "parameters", "value": 0} in [
        {"name": row["name"], "value": row["value"] if row["float"] is None else row["float"]}
        for row in document["metrics"]
    ]
    assert "warning: Plugin zoo-absent 1 could not be loaded" in run.stderr
    assert "Still loading plugin zoo-slow 1" in run.stderr
    strict = zoo(site, "run", "config.yaml", "--strict-plugins", cwd=tmp_path)
    assert strict.returncode == 1
    assert "zoo-absent 1 could not be loaded" in strict.stderr
