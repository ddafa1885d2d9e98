"""ST's torch detection files come to the canonical places."""

import copy

from zoo_core.config.dialects import rewrite

YOLOD = {
    "dataset": {"num_workers": 4, "mosaic_prob": 0.5, "degrees": 10.0, "training_path": " ", "seed": 1},
    "training": {
        "trainer_name": "yolod",
        "epochs": 300,
        "warmup_epochs": 1,
        "scheduler": "yoloxwarmcos",
        "no_aug_epochs": 15,
        "ema": True,
        "print_interval": 1,
        "eval_interval": 2,
        "save_history_ckpt": True,
        "optimizer": {"SGD": {"learning_rate": 0.01, "momentum": 0.9, "warmup_lr": 0.0, "min_lr_ratio": 0.05}},
        "resume_training_from": "",
        "start_epoch": 0,
        "fp16": True,
    },
}
SSD = {
    "training": {
        "trainer_name": "ssd",
        "epochs": 300,
        "validation_epochs": 2,
        "base_net_lr": None,
        "momentum": 0.9,
        "weight_decay": 0.0005,
        "gamma": 0.1,
        "scheduler": "cosine",
        "t_max": 200,
        "optimizer": {"SGD": {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0005}},
    }
}


def test_the_yolod_trainer_of_the_tutorial():
    before = copy.deepcopy(YOLOD)
    data, moves = rewrite(YOLOD)
    assert before == YOLOD
    assert not moves.issues
    assert data["dataset"] == {"workers": 4, "seed": 1}
    assert data["data_augmentation"] == {"mosaic_prob": 0.5, "degrees": 10.0}
    assert data["training"] == {
        "trainer": "yolod",
        "epochs": 300,
        "no_aug_epochs": 15,
        "model_ema": True,
        "log_interval": 1,
        "validation_epochs": 2,
        "checkpoint_hist": 300,
        "optimizer": {"opt": "sgd", "momentum": 0.9},
        "lr_scheduler": {
            "sched": "yoloxwarmcos",
            "warmup_epochs": 1,
            "lr": 0.01,
            "warmup_lr": 0.0,
            "min_lr_ratio": 0.05,
            "start_epoch": 0,
        },
        "resume_training_from": "",
        "amp": True,
    }
    assert moves.written("training.lr_scheduler.lr") == "training.optimizer.SGD.learning_rate"


def test_the_ssd_trainer_of_the_tutorial_says_momentum_twice_and_agrees():
    data, moves = rewrite(SSD)
    assert not moves.issues
    assert data["training"]["optimizer"] == {"opt": "sgd", "momentum": 0.9, "weight_decay": 0.0005}
    assert data["training"]["lr_scheduler"] == {"sched": "cosine", "t_max": 200, "decay_rate": 0.1, "lr": 0.01}


def test_two_momenta_that_differ_are_a_contradiction():
    file = copy.deepcopy(SSD)
    file["training"]["momentum"] = 0.5
    _, moves = rewrite(file)
    assert [issue.key for issue in moves.issues] == ["training.momentum"]


def test_an_unknown_optimizer_or_argument_is_told_with_the_nearest_one():
    file = copy.deepcopy(SSD)
    file["training"]["optimizer"] = {"SDG": {"learning_rate": 0.1}}
    assert "SGD" in (rewrite(file)[1].issues[0].hint or "")
    file["training"]["optimizer"] = {"SGD": {"learning_rat": 0.1}}
    issue = rewrite(file)[1].issues[0]
    assert issue.key == "training.optimizer.SGD.learning_rat"
    assert "learning_rate" in (issue.hint or "")


def test_no_history_means_no_kept_epochs():
    file = copy.deepcopy(YOLOD)
    file["training"]["save_history_ckpt"] = False
    assert rewrite(file)[0]["training"]["checkpoint_hist"] == 0


def test_the_optimizer_of_other_trainers_stays_keras():
    data, _ = rewrite({"training": {"optimizer": {"SGD": {"learning_rate": 0.1}}}})
    assert data["training"]["optimizer"]["opt"] == "momentum"  # Keras' SGD has no Nesterov momentum
