"""No card is written of files that are not the ones that were made and measured."""

import hashlib
from dataclasses import replace

import pytest

from zoo_core.errors import UserError
from zoo_core.reporting.card import make_card

FLAT, QUANTIZED = "saved_models/tinynet/tinynet.onnx", "quantized_models/tinynet_quant.onnx"


def sha(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_is_listed_with_its_hash_and_size(record, run_dir):
    files = {file.shown: file for file in make_card(record).files}
    assert set(files) == {"saved_models/best.pt", FLAT, QUANTIZED}
    for name, file in files.items():
        assert file.sha256 == sha(run_dir / name)
        assert file.size == len((run_dir / name).read_bytes())
    assert files[QUANTIZED].measured_by == ["4_evaluation", "5_benchmarking"]
    assert files["saved_models/best.pt"].measured_by == ["1_training"]


def test_one_changed_byte_is_refused_with_both_hashes(record, run_dir):
    path = run_dir / QUANTIZED
    expected = sha(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        make_card(record)
    message = str(caught.value)
    assert expected[:12] in message
    assert sha(path)[:12] in message
    assert "3_quantization, 4_evaluation, 5_benchmarking" in message
    assert f"zoo run --resume {run_dir}" in message
    assert FLAT not in message


def test_every_wrong_file_is_named_at_once(record, run_dir):
    (run_dir / FLAT).unlink()
    (run_dir / QUANTIZED).write_bytes(b"other")
    (run_dir / "saved_models/best.pt").write_bytes(b"other weights")
    with pytest.raises(UserError) as caught:
        make_card(record)
    lines = [line for line in str(caught.value).splitlines() if "expected SHA-256" in line]
    assert len(lines) == 3
    assert [line for line in lines if "no file" in line] == [line for line in lines if FLAT in line]


def test_stage_that_does_not_say_what_it_measured_is_refused(with_result):
    with pytest.raises(UserError, match="4_evaluation") as caught:
        make_card(with_result("evaluation", measured=()))
    assert "older versions" in str(caught.value)
    assert "stages/4_evaluation/result.json" in str(caught.value)
    assert "5_benchmarking" not in str(caught.value)


@pytest.mark.parametrize("status", ["running", "failed", "interrupted"])
def test_run_that_is_not_finished_is_refused(record, status):
    with pytest.raises(UserError, match=f"is {status}") as caught:
        make_card(replace(record, manifest=replace(record.manifest, status=status)))
    assert "--resume" in str(caught.value)


def test_run_without_a_model_is_refused(record):
    with pytest.raises(UserError, match="has no model"):
        make_card(replace(record, results=()))


def test_file_outside_the_run_is_verified_and_shown_by_name_alone(with_result, record, tmp_path):
    given = tmp_path / "elsewhere" / "given.onnx"
    given.parent.mkdir()
    given.write_bytes(b"model of another tool")
    first = record.results[3].result.measured[0]
    measured = replace(first, model="float", path=str(given), sha256=sha(given))
    run = with_result("evaluation", measured=(first, measured))
    card = make_card(run)
    assert [file.shown for file in card.files][-1] == "given.onnx"
    assert str(tmp_path) not in card.text
    given.write_bytes(b"changed")
    with pytest.raises(UserError, match=r"given\.onnx"):
        make_card(run)
