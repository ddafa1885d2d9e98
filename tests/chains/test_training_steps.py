"""Trainings start from other trainings: step by step, from a backbone, resumed from a file; and leave their files."""

import csv

import pytest
import torch
import yaml
from PIL import Image

from zoo_core.config.load import load_config
from zoo_core.errors import ConfigError, UserError
from zoo_core.plugins import get_catalog
from zoo_core.runs.store import read_run
from zoo_core.training.checkpoint import read_weights

MODEL = """\
   model:
      name: resnet
      version: v1
      depth: 8
      input_shape: (16, 16, 1)
"""
STEP = """\
general:
   global_seed: 7
   display_figures: False
GENERAL
operation_mode: training

dataset:
   name: digits
   workers: 0

training:
MODEL   batch_size: 64
   epochs: 1
   frozen_layers: FROZEN
   optimizer:
      SGD: {learning_rate: 0.01, momentum: 0.9}
   trained_model_path: ${MODELS_DIR}/NAME.pt

hydra:
   run:
      dir: RUN_DIR
"""
CONSTANT = "training.lr_scheduler={lr: 0.05, sched: none, warmup_epochs: 0}"


def state(path):
    return read_weights(path).state_dict


def changed(before, after):
    """Names of the tensors that differ, without counters."""
    return {name for name in before if not torch.equal(before[name], after[name]) and "tracked" not in name}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, chains):
    """Four epochs at a constant rate."""
    config = chains.write(tmp_path_factory.mktemp("trained"))
    return chains.run(config, "operation_mode=training", CONSTANT, "training.epochs=4").run_dir


def test_three_steps_each_from_the_file_of_the_one_before(tmp_path, chains, monkeypatch):
    """The steps of ST's training page, in its own layout: only the classifier, then some layers, then all."""
    models = tmp_path / "models"
    monkeypatch.setenv("MODELS_DIR", str(models))
    steps = (("step_1", "(0:-1)"), ("step_2", "(8:)"), ("step_3", "None"))
    before = None
    for name, frozen in steps:
        text = STEP.replace("MODEL ", f"{MODEL} " if before is None else " ").replace("FROZEN", frozen)
        given = "" if before is None else f"   model_path: ${{MODELS_DIR}}/{before}.pt\n"
        text = text.replace("GENERAL\n", given).replace("NAME", name)
        summary = chains.run(chains.write(tmp_path, text, run_dir=name))
        result = summary.records[0].result
        best = state(summary.run_dir / "saved_models/model_best.pth.tar")
        assert not changed(best, state(models / f"{name}.pt"))
        if before is not None:
            assert any(f"starts from the weights in {models / before}.pt" in note for note in result.notes)
        before = name
    one, two, three = (state(models / f"{name}.pt") for name, _ in steps)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in one))
    assert {name.rpartition(".")[0] for name in changed(one, two)} == set(layers[:8])
    assert {name.rpartition(".")[0] for name in changed(two, three)} == set(layers)


def test_a_backbone_is_taken_over_and_the_classifier_is_new(tmp_path, chains, trained):
    source = trained / "saved_models/model_best.pth.tar"
    summary = chains.run(
        chains.write(tmp_path),
        "operation_mode=training",
        "training.epochs=1",
        "training.frozen_layers=(0:-1)",
        f"model.pretrained_model_path={source}",
    )
    found = changed(state(source), state(summary.run_dir / "saved_models/model_best.pth.tar"))
    assert found == {"classifier.weight", "classifier.bias"}
    (note,) = (note for note in summary.records[0].result.notes if "Backbone from" in note)
    assert "2 new, those of the classifier (classifier.weight, classifier.bias)" in note
    assert note in (summary.run_dir / "stm32ai_main.log").read_text()


def test_weights_of_another_network_are_refused(tmp_path, chains, trained):
    config, source = chains.write(tmp_path), trained / "saved_models/model_best.pth.tar"
    other = ("operation_mode=training", "model.model_name=resnet20")
    with pytest.raises(UserError, match="do not fit the backbone"):
        chains.run(config, *other, f"model.pretrained_model_path={source}")
    with pytest.raises(UserError, match="do not fit the model"):
        chains.run(config, *other, f"model.model_path={source}", "hydra.run.dir=" + str(tmp_path / "other"))


def test_a_training_is_resumed_from_its_file_in_another_run(tmp_path, chains, trained):
    """As ST's page has it: no model is named, the number of epochs is another one."""
    first = chains.run(chains.write(tmp_path), "operation_mode=training", CONSTANT, "training.epochs=2").run_dir
    text = chains.config.replace("model:\n  model_name: resnet8\n  input_shape: [1, 16, 16]\n", "")
    config = chains.write(tmp_path, text, run_dir="second")
    last = f"training.resume_training_from={first / 'saved_models/last.pth.tar'}"
    # `pretrained` may stay from the file the training was started with, and is not looked at again.
    summary = chains.run(
        config, "operation_mode=training", CONSTANT, "training.epochs=4", last, "model.pretrained=True"
    )
    assert not changed(
        state(summary.run_dir / "saved_models/last.pth.tar"), state(trained / "saved_models/last.pth.tar")
    )
    assert len((summary.run_dir / "saved_models/summary.csv").read_text().splitlines()) == 5
    assert any("epochs is 4 and was 2" in note for note in summary.records[0].result.notes)


def test_what_contradicts_the_resumed_training_is_refused(tmp_path, chains, trained):
    config = chains.write(tmp_path)
    last = trained / "saved_models/last.pth.tar"
    resumed = ("operation_mode=training", f"training.resume_training_from={last}")
    with pytest.raises(UserError, match=r"model_name: the model says resnet8, the configuration says resnet20"):
        chains.run(config, *resumed, "model.model_name=resnet20")
    with pytest.raises(ConfigError, match=r"both say where the first weights come from"):
        chains.run(config, *resumed, f"model.model_path={trained / 'saved_models/model_best.pth.tar'}")
    with pytest.raises(UserError, match=r"optimizer\.momentum is 0\.5 and was 0\.9"):
        chains.run(config, *resumed, CONSTANT, "training.optimizer.momentum=0.5")
    best = f"training.resume_training_from={trained / 'saved_models/model_best.pth.tar'}"
    with pytest.raises(UserError, match="lacks the optimizer and the epoch"):
        chains.run(config, "operation_mode=training", best, "hydra.run.dir=" + str(tmp_path / "best"))


def test_the_files_of_a_training(trained):
    saved = trained / "saved_models"
    names = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    history = {f"checkpoint-{epoch}.pth.tar" for epoch in (1, 2, 3, 4)}
    assert names == {
        "model_best.pth.tar",
        "last.pth.tar",
        "summary.csv",
        "args.yaml",
        "resnet8/resnet8.onnx",
        *history,
    }
    with (saved / "summary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert {"lr", "train_loss", "train_top1", "val_loss", "val_top1", "val_top5"} <= set(rows[0])
    with Image.open(trained / "training_curves.png") as picture:
        assert picture.width > 2 * 400
    listed = read_run(trained).results[0].result.files
    assert {"training_curves.png", "saved_models/summary.csv", "saved_models/args.yaml"} <= set(listed)


def test_the_arguments_of_a_training_are_a_file_to_run_again(trained):
    arguments = trained / "saved_models/args.yaml"
    again = load_config(arguments, catalog=get_catalog()).config
    assert again.training.epochs == 4
    assert again.canonical() == yaml.safe_load((trained / "resolved_config.yaml").read_text())


def test_other_settings_set_the_history_aside(tmp_path, chains):
    run_dir = chains.run(chains.write(tmp_path), "operation_mode=training", "training.epochs=1").run_dir
    chains.resume(run_dir, "training.batch_size=128")
    names = {path.name for path in (run_dir / "saved_models").glob("*checkpoint*")}
    assert names == {"previous_checkpoint-1.pth.tar", "checkpoint-1.pth.tar"}


def test_figures_are_named_on_request(tmp_path, chains, trained):
    run_dir = chains.run(
        chains.write(tmp_path), "operation_mode=training", "training.epochs=1", "general.display_figures=True"
    ).run_dir
    assert f"Figure: {run_dir / 'training_curves.png'}" in (run_dir / "stm32ai_main.log").read_text()
    assert "Figure:" not in (trained / "stm32ai_main.log").read_text()
