"""Every mode runs from a model file, and refuses files and data that do not fit before it creates anything."""

import csv
import json
import shutil

import onnx
import pytest
import torch
from PIL import Image

from zoo_core.errors import ChainError, ConfigError, DataError, MissingError, UserError, ZooError

FILE_CONFIG = """\
operation_mode: MODE
model:
  model_path: MODEL
dataset:
  dataset_name: custom
  training_path: DATA/train
  test_path: DATA/test
  prediction_path: DATA/test/3
  workers: 0
quantization:
  quantizer: onnx_quantizer
benchmarking:
  board: host
hydra:
  run:
    dir: RUN_DIR
"""
ONNX = "saved_models/resnet8/resnet8.onnx"
WEIGHTS = "saved_models/model_best.pth.tar"


@pytest.fixture
def start(tmp_path, finished, digit_folders, chains):
    """Run a mode on a model of the finished chain, or on another file."""

    def start_mode(mode, *overrides, model=ONNX, data=digit_folders, text=FILE_CONFIG):
        text = text.replace("MODE\n", f"{mode}\n").replace("DATA", str(data))
        text = text.replace("MODEL", str(finished.run_dir / model))
        return chains.run(chains.write(tmp_path, text), *overrides)

    return start_mode


def top1(summary, split="test"):
    return next(row for row in summary.rows if row.name == "top1" and row.split == split)


def test_evaluation_of_float_onnx_and_of_the_weights_it_came_from_agree(start, tmp_path):
    from_onnx = top1(start("evaluation")).float_value
    shutil.rmtree(tmp_path / "run")
    from_weights = top1(start("evaluation", "+model.model_name=resnet8", model=WEIGHTS)).float_value
    assert from_onnx == from_weights > 60


def test_evaluation_takes_the_preprocessing_that_the_model_states(start):
    """The configuration says nothing of color mode or size; the model was trained on grey 16x16."""
    assert top1(start("evaluation")).float_value > 60


def test_chain_eqe_evaluates_before_and_after(start):
    summary = start("chain_eqe")
    assert [record.stage.service for record in summary.records] == ["evaluation", "quantization", "evaluation"]
    assert abs(top1(summary).difference) < 10
    assert (summary.run_dir / "quantized_models/resnet8_quant_qdq_pc.onnx").exists()


def test_chain_qb_without_images_marks_the_model_as_uncalibrated(start):
    text = FILE_CONFIG.replace("  training_path: DATA/train\n", "").replace("  test_path: DATA/test\n", "")
    summary = start("chain_qb", text=text)
    record = summary.records[0]
    assert record.result.calibrated_on == "random"
    model = onnx.load(record.artifact.path)
    stored = json.loads(next(p.value for p in model.metadata_props if p.key == "zoo"))
    assert stored["quantization"]["calibrated"] is False


def test_per_tensor_and_opset_reach_the_file(start):
    summary = start("quantization", "quantization.granularity=per_tensor", "quantization.target_opset=19")
    path = summary.records[0].artifact.path
    assert path.name == "resnet8_quant_qdq_pt.onnx"
    model = onnx.load(path)
    assert [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [19]
    scales = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    used = [scales[n.input[1]] for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[1] in scales]
    assert all(scale.size == 1 for scale in used)


def test_prediction_draws_every_image_and_lists_it(start, digit_folders):
    summary = start("prediction")
    root = summary.run_dir
    images = sorted((digit_folders / "test" / "3").iterdir())
    data = json.loads((root / "predictions.json").read_text())
    assert [entry["image"] for entry in data["predictions"]] == [str(path) for path in images]
    assert sum(entry["label"] == "3" for entry in data["predictions"]) >= 3
    for entry in data["predictions"]:
        with Image.open(root / "predictions" / entry["picture"]) as picture:
            assert picture.mode in ("RGB", "L")
    with (root / "predictions.csv").open() as stream:
        assert [row["label"] for row in csv.DictReader(stream)] == [e["label"] for e in data["predictions"]]


def test_benchmarking_alone_needs_no_data(start):
    text = "operation_mode: MODE\nmodel: {model_path: MODEL}\nbenchmarking: {}\nhydra: {run: {dir: RUN_DIR}}\n"
    summary = start("benchmarking", text=text)
    assert any(row.name == "latency_median" for row in summary.rows)


def test_int8_model_given_to_chain_eqe_is_passed_on_unchanged(start):
    summary = start("chain_qb", model="quantized_models/resnet8_quant_qdq_pc.onnx")
    assert any("already" in note for note in summary.records[0].result.notes)


# ---------------------------------------------------------------- refusals


@pytest.fixture
def nothing_created(tmp_path):
    """Fail when a refused run leaves a folder."""
    yield
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("nothing_created")
class TestRefusals:
    def test_every_problem_is_listed_with_key_and_line(self, start):
        text = FILE_CONFIG.replace(
            "  quantizer: onnx_quantizer", "  quantizer: onnx_quantiser\n  granularty: per_tensor"
        )
        text = text.replace("DATA/train", "DATA/trian")
        with pytest.raises(ConfigError) as caught:
            start("chain_eqe", text=text)
        issues = {issue.key: issue for issue in caught.value.issues}
        assert set(issues) >= {"quantization.quantizer", "dataset.training_path"}
        assert "onnx_quantizer" in str(issues["quantization.quantizer"])
        assert "trian" in str(issues["dataset.training_path"])
        assert issues["dataset.training_path"].line == 6
        assert all(issue.line is not None for issue in issues.values())

    def test_file_that_is_no_model(self, start, tmp_path):
        path = tmp_path / "picture.onnx"
        path.write_bytes(b"\x89PNG\r\n not a model")
        with pytest.raises((UserError, ConfigError), match=r"picture\.onnx"):
            start("evaluation", model=str(path))

    def test_checkpoint_with_code_in_it_is_refused_and_not_run(self, start, tmp_path):
        class Evil:
            def __reduce__(self):
                return open, (str(tmp_path / "executed"), "w")

        path = tmp_path / "evil.pt"
        torch.save({"state_dict": Evil()}, path)
        with pytest.raises((UserError, ConfigError), match=r"evil\.pt"):
            start("evaluation", "+model.model_name=resnet8", "+model.input_shape=[1,16,16]", model=str(path))
        assert not (tmp_path / "executed").exists()

    def test_other_input_size_than_the_model_has(self, start):
        with pytest.raises(UserError, match=r"(?s)contradicts.*input.*16.*32"):
            start("evaluation", "+model.input_shape=[1,32,32]")

    def test_other_classes_than_the_model_has(self, start, digit_folders, tmp_path):
        data = tmp_path / "data"
        shutil.copytree(digit_folders, data)
        for split in ("train", "test"):
            (data / split / "9").rename(data / split / "nine")
        with pytest.raises(UserError, match=r"(?s)contradicts.*class_names"):
            start("evaluation", data=data)

    def test_weights_of_another_architecture(self, start):
        with pytest.raises(UserError, match=r"(?s)contradicts.*resnet8.*resnet20"):
            start("evaluation", "+model.model_name=resnet20", model=WEIGHTS)

    def test_class_folders_that_differ_between_splits(self, start, digit_folders, tmp_path):
        data = tmp_path / "data"
        shutil.copytree(digit_folders, data)
        shutil.rmtree(data / "test" / "4")
        (data / "test" / "ten").mkdir()
        shutil.copy(data / "test" / "3" / "21.png", data / "test" / "ten")
        with pytest.raises(DataError, match="ten"):
            start("evaluation", data=data)

    def test_data_set_with_one_class(self, start, digit_folders, tmp_path):
        data = tmp_path / "data"
        for split in ("train", "test"):
            shutil.copytree(digit_folders / split / "3", data / split / "3")
        text = FILE_CONFIG.replace("  model_path: MODEL", "  model_name: resnet8\n  input_shape: [1, 16, 16]")
        text += "training: {epochs: 1, batch_size: 8}\n"
        with pytest.raises(DataError, match=r"one class|1 class"):
            start("training", data=data, text=text)

    def test_folder_without_images(self, start, tmp_path):
        for split in ("train", "test"):
            for label in "ab":
                (tmp_path / "data" / split / label).mkdir(parents=True)
        (tmp_path / "data" / "test" / "3").mkdir()
        with pytest.raises(DataError, match=r"(?i)no images"):
            start("evaluation", data=tmp_path / "data")

    def test_board_that_no_plugin_provides(self, start):
        with pytest.raises(MissingError, match=r"benchmarking\.board.*ACME-1.*target"):
            start("chain_qb", "benchmarking.board=ACME-1")

    def test_chain_without_a_model(self, chains, tmp_path):
        text = "operation_mode: chain_qb\nuse_case: classification\nquantization: {}\nbenchmarking: {}\n"
        with pytest.raises((ChainError, ConfigError), match="model_path"):
            chains.run(chains.write(tmp_path, text))

    def test_check_image_files_names_every_bad_file_and_stops(self, start, digit_folders, tmp_path):
        data = spoil(digit_folders, tmp_path / "data")
        with pytest.raises(DataError) as caught:
            start("evaluation", "+dataset.check_image_files=True", data=data)
        assert all(name in caught.value.message for name in ("empty.png", "cut.png", "text.png"))


def spoil(source, target):
    """Copy pictures and put an empty, a truncated and a non-image file among the test pictures."""
    shutil.copytree(source, target)
    folder = target / "test" / "3"
    (folder / "empty.png").write_bytes(b"")
    whole = (folder / "21.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no picture")
    return target


def test_bad_images_are_left_out_counted_and_named_once(start, digit_folders, tmp_path):
    summary = start("evaluation", data=spoil(digit_folders, tmp_path / "data"))
    result = summary.records[0].result
    assert result.images == 50
    assert sorted(skipped.path.rsplit("/", 1)[-1] for skipped in result.skipped) == ["cut.png", "empty.png", "text.png"]
    log = (summary.run_dir / "stm32ai_main.log").read_text()
    assert log.count("cut.png") == 1


def test_model_by_url_is_fetched_and_used(start, finished, tmp_path, monkeypatch):
    import functools
    import threading
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    handler = functools.partial(Quiet, directory=finished.run_dir / "saved_models" / "resnet8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/resnet8.onnx"
        text = FILE_CONFIG.replace("MODEL", url)
        assert top1(start("evaluation", text=text)).float_value > 60
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [path.name for path in (tmp_path / "cache").rglob("*.onnx")] == ["resnet8.onnx"]


@pytest.mark.usefixtures("nothing_created")
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.optimizer.opt=sgdd", "Did you mean sgd"),
        ("+training.frozen_layers=(0:)", "nothing to train"),
        ("general.device=cuda", "cuda"),
    ],
)
def test_training_that_cannot_start_is_refused_before_anything_is_created(override, message, chains, tmp_path):
    if "cuda" in override and torch.cuda.is_available():
        pytest.skip("this machine has the GPU that the test expects to be absent")
    with pytest.raises(ZooError, match=message):
        chains.run(chains.write(tmp_path), override)
