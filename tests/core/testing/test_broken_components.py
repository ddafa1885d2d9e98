"""Quantizers, targets and trackers that break one rule fail exactly the check of that rule."""

import pytest

HEAD = """
    from zoo_core import LazyRef, QuantizerSpec, TargetSpec, TrackerSpec, hookimpl
    zoo_api = 1

    @hookimpl
    def zoo_quantizers():
        yield QuantizerSpec(
            name="acme_quantizer", summary="Wraps another.", build=LazyRef("zoo_acme.parts:quantizer"),
            config=LazyRef("zoo_core.quantization.config:OnnxQuantizerSection"),
        )

    @hookimpl
    def zoo_targets():
        yield TargetSpec(
            name="acme_board", summary="Answers at once.", build=LazyRef("zoo_acme.parts:Board"),
            abilities=frozenset({"benchmark", "infer"}),
        )

    @hookimpl
    def zoo_trackers():
        yield TrackerSpec(name="acme_tracker", summary="Notes.", build=LazyRef("zoo_acme.parts:tracker"))
"""
PARTS = """
    import json, os, pathlib, random, shutil
    from dataclasses import replace
    import onnx
    from zoo_core import BenchmarkResult, MetricValue, UserError
    from zoo_core.export.onnx_file import inspect_onnx, save_onnx, set_metadata
    from zoo_core.inference.session import OnnxSession
    from zoo_core.quantization.onnx_quantizer import build

    def change(path, edit):
        model = onnx.load(str(path))
        edit(model)
        onnx.save(model, str(path))

    class Quantizer:
        def __init__(self, section):
            self.other = build(section)

        def quantize(self, job):
            FIRST
            outcome = self.other.quantize(job)
            THEN
            return outcome

    def quantizer(section):
        return Quantizer(section)

    class Board:
        def __init__(self, config):
            pass

        def check(self, purpose):
            return CHECK

        def benchmark(self, model, directory, progress):
            READ
            return BenchmarkResult(target="acme_board", device="none", metrics=(
                MetricValue(name="latency", value=VALUE, unit="ms", higher_is_better=False),), files=FILES)

        def OPEN(self, model, progress):
            session = OnnxSession(model.path, threads=1)
            RUN
            return session

        MORE

    class Tracker:
        def __init__(self, folder):
            self.folder, self.notes, self.closed = folder, [], False

        def log_parameters(self, parameters):
            self.notes.append(PARAMETERS)

        def log_metrics(self, metrics, step=None):
            self.notes.append([metrics, step])

        def log_file(self, path):
            TAKE

        def close(self):
            CLOSE
            (self.folder / "notes.json").write_text(json.dumps(self.notes))

    def tracker(config, run_dir):
        return Tracker(run_dir) if ASKED else None
"""
GOOD = {
    "FIRST": "pass", "THEN": "pass", "CHECK": "()", "VALUE": "1.5", "FILES": "()", "OPEN": "open", "RUN": "pass",
    "READ": "inspect_onnx(model.path)", "MORE": "x = 1", "PARAMETERS": "parameters", "TAKE": "pass", "CLOSE": "pass",
    "ASKED": 'config.mlflow.uri == "here"',
}  # fmt: skip


def parts(**changes):
    text = PARTS
    for word, value in {**GOOD, **changes}.items():
        text = text.replace(word, value)
    return text


def kinds(*wanted):
    classes = {
        "quantizer": "class TestQ(QuantizerConformance): quantizer = 'acme_quantizer'",
        "target": "class TestB(TargetConformance): target = 'acme_board'",
        "tracker": "class TestT(TrackerConformance): tracker = 'acme_tracker'; sections = {'mlflow': {'uri': 'here'}}",
    }
    return "\n".join(classes[kind] for kind in wanted)


def test_good_components_pass_every_check(install, check):
    install(HEAD, parts=parts())
    found = check(kinds("quantizer", "target", "tracker"))
    assert found.failed == set(), found.texts
    assert found.skipped.keys() == {"model_is_deployed", "unknown_key_is_refused"}


BROKEN_QUANTIZERS = (
    (
        {"THEN": "change(outcome.path, lambda model: model.ClearField('metadata_props'))"},
        {"inputs_outputs_and_description_are_kept"},
        "class_names",
    ),
    (
        {"FIRST": "job = replace(job, directory=job.directory.parent / 'elsewhere')"},
        {"model_is_valid"},
        "not in the folder of the job",
    ),
    (
        {"THEN": "change(outcome.path, lambda m: m.graph.node[-1].attribute.append("
         "onnx.helper.make_attribute('x', 1)))"},
        {"model_is_valid", "outputs_resemble_those_of_the_float_model"},
        "attribute",
    ),
    (
        {"THEN": "change(outcome.path, lambda m: m.graph.initializer.append("
         "onnx.helper.make_tensor('extra', 1, [1], [random.random()])))"},
        {"same_model_gives_the_same_result"},
        "differ",
    ),
    ({"FIRST": "change(job.model, lambda m: setattr(m, 'producer_name', 'acme'))"},
     {"float_model_is_left_as_it_was", "what_cannot_be_quantized_is_refused[absent]",
      "what_cannot_be_quantized_is_refused[text]"}, ""),
    (
        {"FIRST": "onnx.load(str(job.model))"},
        {"what_cannot_be_quantized_is_refused[absent]", "what_cannot_be_quantized_is_refused[text]"},
        "",
    ),
    (
        {"FIRST": "job = replace(job, calibration=__import__('zoo_core.testing.tiny_onnx', fromlist=['x'])"
         ".RandomImages())"},
        {"no_images_are_refused"},
        "DID NOT RAISE",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "failing", "word"),
    [
        row if place in (0, 3) else pytest.param(*row, marks=pytest.mark.slow)
        for place, row in enumerate(BROKEN_QUANTIZERS)
    ],
    ids=["description", "folder", "invalid", "random", "given_file", "stack_trace", "no_images"],
)
def test_quantizer_that_breaks_one_rule(install, check, changes, failing, word):
    install(HEAD, parts=parts(**changes))
    found = check(kinds("quantizer"))
    assert found.failed == failing, found.texts
    assert any(word in found.texts[name] for name in failing)


BROKEN_TARGETS = (
    ({"OPEN": "start"}, {"abilities_are_methods", "model_is_run"}, "open"),
    ({"MORE": "def deploy(self, model, directory, progress): pass"}, {"nothing_else_is_offered"}, "deploy"),
    ({"CHECK": "['', 3]"}, {"readiness_is_told_in_sentences"}, "expected a tuple"),
    ({"VALUE": "float('nan')"}, {"model_is_measured"}, "latency"),
    ({"FILES": "('report.txt',)"}, {"model_is_measured"}, "report.txt"),
    ({"RUN": "run = session.run; session.run = lambda images: (run(-images)[0],)"}, {"model_is_run"}, ""),
    (
        {"READ": "pass"},
        {f"models_it_cannot_take_are_refused[{fault}]" for fault in ("absent", "text", "two_inputs")},
        "DID NOT RAISE",
    ),
)


@pytest.mark.parametrize(
    ("changes", "failing", "word"),
    [
        row if place in (0, 3) else pytest.param(*row, marks=pytest.mark.slow)
        for place, row in enumerate(BROKEN_TARGETS)
    ],
)
def test_target_that_breaks_one_rule(install, check, changes, failing, word):
    install(HEAD, parts=parts(**changes))
    found = check(kinds("target"))
    if changes.keys() == {"CHECK"}:  # a target that is never ready cannot be used either
        failing |= {"model_is_measured", "model_is_run"}
        failing |= {f"models_it_cannot_take_are_refused[{fault}]" for fault in ("absent", "text", "two_inputs")}
    assert found.failed == failing, found.texts
    assert any(word in found.texts[name] for name in failing)


def test_target_without_its_hardware_is_skipped_with_the_reason(install, check):
    install(HEAD, parts=parts(CHECK="('no board is connected',)"))
    found = check(f"{kinds('target')}; needs_hardware = True")
    assert found.failed == set()
    assert "no board is connected" in found.skipped["model_is_measured"]
    assert "readiness_is_told_in_sentences" in found.passed


BROKEN_TRACKERS = (
    ({"CLOSE": "assert not self.closed; self.closed = True"}, {"events_of_a_run_are_taken"}, ""),
    ({"CLOSE": "pathlib.Path('notes.txt').touch()"}, {"nothing_is_written_outside_of_the_run"}, "notes.txt"),
    ({"CLOSE": "(pathlib.Path.home() / '.acme').touch()"}, {"nothing_is_written_outside_of_the_run"}, ".acme"),
    ({"TAKE": "path.rename(self.folder / 'taken')"}, {"files_of_the_run_are_left_as_they_were"}, ""),
    ({"PARAMETERS": "dict(os.environ)"}, {"no_secrets_are_written"}, "notes.json"),
    ({"ASKED": "True"}, {"runs_that_do_not_ask_for_it_are_left_alone"}, "supports_always"),
)


@pytest.mark.parametrize(
    ("changes", "failing", "word"),
    [
        row if place in (1, 4) else pytest.param(*row, marks=pytest.mark.slow)
        for place, row in enumerate(BROKEN_TRACKERS)
    ],
)
def test_tracker_that_breaks_one_rule(install, check, changes, failing, word):
    install(HEAD, parts=parts(**changes))
    found = check(kinds("tracker"))
    assert found.failed == failing, found.texts
    assert any(word in found.texts[name] for name in failing)


@pytest.mark.slow
def test_tracker_that_is_never_built_is_told(install, check):
    install(HEAD, parts=parts(ASKED="False"))
    found = check(kinds("tracker"))
    assert "set sections" in found.texts["events_of_a_run_are_taken"]
