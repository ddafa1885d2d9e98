"""An option of a training that would have no effect is refused, with its place, the reason and what to do."""

import pytest

from zoo_core.config.callback_sections import CallbacksSection
from zoo_core.config.lr_scheduler_section import SCHEDULES_OF_KEY, LrSchedulerSection
from zoo_core.config.training_rules import idle_options
from zoo_core.config.training_sections import TrainingSection

FILE = """\
operation_mode: training
use_case: counting
model: {model_name: acme_net}
dataset: {dataset_name: beans}
training:
  epochs: 3
  batch_size: 8
"""


def section(**values):
    return TrainingSection.model_validate({"epochs": 3, "batch_size": 8, **values})


def idle(**values):
    return {found.key: f"{found.message}; {found.hint}" for found in idle_options(section(**values))}


def test_the_defaults_are_at_rest():
    assert idle() == {}


@pytest.mark.parametrize(
    ("values", "key", "words"),
    [
        (
            {"sched": "cosine", "decay_rate": 0.5},
            "decay_rate",
            "no effect with sched: cosine; Remove it; it belongs to",
        ),
        ({"sched": "cosine", "decay_milestones": [3]}, "decay_milestones", "belongs to multistep"),
        ({"sched": "cosine", "decay_epochs": 30}, "decay_epochs", "step, wsd, rsqrt"),
        ({"sched": "step", "min_lr": 0.1}, "min_lr", "sched: step"),
        ({"sched": "step", "lr_cycle_limit": 2}, "lr_cycle_limit", "cosine, tanh, poly"),
        ({"sched": "tanh", "lr_k_decay": 2}, "lr_k_decay", "cosine, poly"),
        ({"sched": "plateau", "lr_noise": 0.4}, "lr_noise", "sched: plateau"),
        ({"sched": "plateau", "sched_on_updates": True}, "sched_on_updates", "sched: plateau"),
        ({"sched": "cosine", "patience_epochs": 3}, "patience_epochs", "belongs to plateau"),
        ({"sched": "none", "warmup_epochs": 2}, "warmup_epochs", "sched: none"),
        ({"sched": "multistep", "cooldown_epochs": 2}, "cooldown_epochs", "sched: multistep"),
        ({"lr": 0.1, "lr_base": 0.2}, "lr_base", "beside lr"),
        ({"lr": 0.1, "lr_base_scale": "sqrt"}, "lr_base_scale", "beside lr"),
        ({"lr_noise_std": 0.1}, "lr_noise_std", "no lr_noise"),
        ({"lr_cycle_decay": 0.1}, "lr_cycle_decay", "one cycle"),
        ({"warmup_epochs": 0, "warmup_lr": 0.1}, "warmup_lr", "no warm-up"),
    ],
)
def test_keys_of_other_schedules(values, key, words):
    found = idle(lr_scheduler=values)
    assert list(found) == [f"lr_scheduler.{key}"]
    assert words in found[f"lr_scheduler.{key}"]


def test_every_key_that_shapes_a_schedule_is_in_the_table():
    always = {"sched", "lr", "lr_base", "lr_base_size", "lr_base_scale", "epoch_repeats", "start_epoch"}
    assert set(SCHEDULES_OF_KEY) == set(LrSchedulerSection.model_fields) - always


@pytest.mark.parametrize("callback", ["ReduceLROnPlateau", "LearningRateScheduler"])
def test_a_callback_takes_the_place_of_the_schedule(callback):
    own = {"schedule": "lambda epoch, lr: lr"} if callback == "LearningRateScheduler" else {}
    assert idle(callbacks={callback: own}, lr_scheduler={"sched": "none", "warmup_epochs": 0, "lr": 0.1}) == {}
    found = idle(callbacks={callback: own}, lr_scheduler={"sched": "step", "decay_epochs": 2})
    assert set(found) == {"lr_scheduler.sched", "lr_scheduler.decay_epochs"}
    assert all(f"training.callbacks.{callback} sets the learning rate" in text for text in found.values())


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"amp_dtype": "bfloat16"}, "amp_dtype"),
        ({"model_ema_decay": 0.9}, "model_ema_decay"),
        ({"model_ema_force_cpu": True}, "model_ema_force_cpu"),
        ({"optimizer": {"clip_mode": "agc"}}, "optimizer.clip_mode"),
        ({"sync_bn": True}, "sync_bn"),
        ({"no_ddp_bb": True}, "no_ddp_bb"),
        ({"dist_bn": "broadcast"}, "dist_bn"),
        ({"eval_metric": "top1", "callbacks": {"ModelCheckpoint": {"monitor": "val_loss"}}}, "eval_metric"),
        ({"sync_bn": True, "split_bn": True, "devices": 2}, "split_bn"),
    ],
)
def test_options_without_the_one_they_refine(values, key):
    assert list(idle(**values)) == [key]


def test_what_refines_an_option_that_is_on_is_taken():
    assert not idle(
        amp=True,
        amp_dtype="bfloat16",
        model_ema=True,
        model_ema_decay=0.9,
        model_ema_force_cpu=True,
        optimizer={"clip_grad": 1.0, "clip_mode": "agc"},
        devices=2,
        sync_bn=True,
        no_ddp_bb=True,
        dist_bn="broadcast",
        lr_scheduler={"lr_noise": (0.2, 0.9), "lr_noise_std": 0.1, "lr_cycle_limit": 2, "lr_cycle_decay": 0.1},
    )


def test_the_place_in_the_file_is_told(faults):
    text = f"{FILE}  lr_scheduler:\n    decay_rate: 0.5\n"
    issue = faults(text)["training.lr_scheduler.decay_rate"]
    assert issue.line == 9
    assert issue.message == "it has no effect with sched: cosine."


def test_a_section_that_no_service_reads_is_left_alone(load, write):
    model = write("", "model.onnx")
    text = f"{FILE}  lr_scheduler: {{decay_rate: 0.5}}\nquantization: {{}}\n"
    loaded = load(text.replace("training\nuse", "quantization\nuse"), f"model.model_path={model}")
    assert loaded.letters == "q"


REFUSED = [
    ("training.tta=3", "one of 0, 2"),
    ("training.amp_impl=apex", "no longer maintained"),
    ("training.lr_scheduler.epoch_repeats=1.5", "whole number"),
    ("training.lr_scheduler.decay_milestones=[3,2]", "must rise"),
    ("training.lr_scheduler.lr_noise=[0.5,2]", "between 0 and 1"),
    ("training.trained_model_path=step_1.h5", "ends in .h5"),
    ("general.local_rank=1", "launcher"),
    ("general.no_prefetcher=False", "dataset.pin_mem"),
    ("general.worker_seeding=part", "a seed of its own"),
    ("training.callbacks.TensorBoard={log_dir: logs}", "training.log_tb: True"),
    ("training.callbacks.CSVLogger={filename: a}", "summary.csv"),
    ("training.callbacks.LambdaCallback={on_epoch_end: x}", "nothing in a file is executed"),
    ("training.callbacks.ModelCheckpoint={save_best_only: False}", "checkpoint_hist"),
    ("training.callbacks.ModelCheckpoint={filepath: a.pt}", "there is no such key"),
    ("training.callbacks.EarlyStopping={restore_best_weights: False}", "always go to the next stage"),
]


@pytest.mark.parametrize(("override", "words"), REFUSED)
def test_values_that_nothing_here_honours_are_refused_with_the_reason(faults, override, words):
    found = faults(FILE, override)
    assert len(found) == 1
    ((key, issue),) = found.items()
    assert words in str(issue)
    assert key.split(".")[-1] in override


def test_values_of_st_that_ask_for_nothing_are_taken(load):
    """The block of ST's own tutorial, whose values mean what happens here anyway."""
    general = (
        "{display_figures: False, gpu_memory_limit: 3, local_rank: 0, no_prefetcher: True, worker_seeding: all, "
        "use_multi_epochs_loader: False, log_wandb: False, log_tb: False, tta: 0, save_images: False, amp: False, "
        'amp_impl: native, amp_dtype: "float16", no_ddp_bb: False, synchronize_step: False, checkpoint_hist: 10}'
    )
    config = load(f"{FILE}general: {general}\n").config
    assert config.training.checkpoint_hist == 10
    assert config.general.gpu_memory_limit == 3


def test_two_sources_of_the_first_weights_are_refused(faults, write):
    path = write("", "a.pt")
    weights = f"model.model_path={path}"
    assert set(faults(FILE, weights, "model.pretrained=True")) == {"model.pretrained"}
    assert set(faults(FILE, weights, f"model.pretrained_model_path={path}")) == {"model.pretrained_model_path"}
    found = faults(FILE, weights, f"training.resume_training_from={path}")
    assert "model.model_path and this key both say" in found["training.resume_training_from"].message


def test_a_resumed_training_may_keep_what_it_was_started_with(load, write, faults):
    path = write("", "last.pt")
    assert load(FILE, f"training.resume_training_from={path}", "model.pretrained=True").config.model.pretrained
    found = faults(FILE, f"training.resume_training_from={path}", "training.lr_scheduler.start_epoch=1")
    assert set(found) == {"training.lr_scheduler.start_epoch"}


def test_a_callback_without_arguments_is_not_there():
    assert CallbacksSection.model_validate({"TensorBoard": None}).TensorBoard is None
    assert CallbacksSection.model_validate({"TerminateOnNaN": {}}).TerminateOnNaN is not None
