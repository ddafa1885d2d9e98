"""The folder of an earlier training stands for its last checkpoint."""

import os

import pytest
import torch

RUN = """
operation_mode: training
model: {model_name: acme_net}
dataset: {training_path: .}
training:
  batch_size: 4
  epochs: 2
  resume_training_from: PATH
"""
KEY = "training.resume_training_from"


@pytest.fixture
def checkpoint(tmp_path):
    def save(name, age=0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"w": torch.zeros(1)}, path)
        stamp = 1_700_000_000 - age
        os.utime(path, (stamp, stamp))
        return path

    return save


def test_the_newest_last_checkpoint_below_the_folder_is_taken_and_told(load, checkpoint):
    checkpoint("runs/one/saved_models/last_model.pt", age=60)
    wanted = checkpoint("runs/two/last_model.pt", age=5)
    checkpoint("runs/two/best_model.pt")
    checkpoint("runs/three/four/five/last_model.pt")  # too far below
    loaded = load(RUN.replace("PATH", "runs"))
    assert loaded.config.training.resume_training_from == wanted
    (note,) = [note for note in loaded.notes if note.startswith(KEY)]
    assert note.endswith("is two/last_model.pt")


def test_a_file_is_taken_as_it_is(load, checkpoint):
    wanted = checkpoint("runs/best_model.pt")
    checkpoint("runs/last_model.pt")
    assert load(RUN.replace("PATH", "runs/best_model.pt")).config.training.resume_training_from == wanted


def test_a_folder_without_checkpoint_is_one_problem_that_says_what_is_looked_for(faults, checkpoint):
    checkpoint("runs/best_model.pt")
    found = faults(RUN.replace("PATH", "runs"))
    assert list(found) == [KEY]
    assert found[KEY].line == 8
    assert "no checkpoint of a training lies in the folder" in found[KEY].message
    assert found[KEY].hint.startswith("Expected last_model.pt there")


def test_a_folder_that_is_not_there_is_told_as_before(faults):
    found = faults(RUN.replace("PATH", "nowhere"))
    assert list(found) == [KEY]
    assert "there is no file" in found[KEY].message
