"""Learning rates over a training have the shapes that YOLOX and SSD define, whatever the number of processes of it."""

import math

import pytest
import torch

from zoo_detection.config import SsdTrainingSection, YolodTrainingSection
from zoo_detection.training.schedules import ssd_rate, yolod_rate

UPDATES = 10


def optimizer(*scales):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": scale} for scale in scales or (1.0,)]
    return torch.optim.SGD(groups, lr=0.01)


def rates(build, section, groups=(1.0,)):
    """Return the rate of every update, as a training sets it."""
    used = optimizer(*groups)
    rate = build(used, section, section.lr_scheduler.lr, UPDATES)
    found, done = [], 0
    for epoch in range(section.epochs):
        rate.begin_epoch(epoch)
        for _ in range(UPDATES):
            found.append(used.param_groups[0]["lr"])
            done += 1
            rate.after_update(done)
    return found


def yolod(**values):
    scheduler = values.pop("lr_scheduler", {})
    return YolodTrainingSection.model_validate({"epochs": 10, "batch_size": 2, "lr_scheduler": scheduler, **values})


def ssd(**values):
    scheduler = values.pop("lr_scheduler", {})
    return SsdTrainingSection.model_validate({"epochs": 10, "batch_size": 2, "lr_scheduler": scheduler, **values})


def test_the_yolox_schedule_warms_up_quadratically_falls_as_a_cosine_and_is_flat_at_the_end():
    found = rates(yolod_rate, yolod(no_aug_epochs=3))
    assert found[:UPDATES] == pytest.approx([0.01 * (update / UPDATES) ** 2 for update in range(UPDATES)])
    assert found[UPDATES] == pytest.approx(0.01)
    middle = 1 * UPDATES + (7 - 1) * UPDATES // 2  # half way between the warm-up and the flat end
    assert found[middle] == pytest.approx((0.01 + 0.0005) / 2)
    assert found[7 * UPDATES :] == pytest.approx([0.0005] * 3 * UPDATES)
    assert all(one >= two for one, two in zip(found[UPDATES:], found[UPDATES + 1 :], strict=False))


def test_warmcos_warms_up_linearly_and_ends_at_nothing():
    found = rates(yolod_rate, yolod(lr_scheduler={"sched": "warmcos", "warmup_epochs": 2, "warmup_lr": 0.001}))
    assert found[UPDATES] == pytest.approx(0.0055)
    last = 0.005 * (1 + math.cos(math.pi * 79 / 80))
    assert found[-1] == pytest.approx(last)


@pytest.mark.parametrize("build", [(yolod_rate, yolod, "multistep"), (ssd_rate, ssd, "multi-step")])
def test_steps_multiply_the_rate_at_each_milestone(build):
    make, section, name = build
    found = rates(make, section(lr_scheduler={"sched": name, "decay_milestones": [2, 5], "decay_rate": 0.1}))
    assert [found[epoch * UPDATES] for epoch in (0, 1, 2, 4, 5, 9)] == pytest.approx(
        [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4]
    )


def test_the_cosine_of_an_ssd_stays_at_its_end():
    found = rates(ssd_rate, ssd(lr_scheduler={"t_max": 4}))
    assert found[2 * UPDATES] == pytest.approx(0.005)
    assert found[4 * UPDATES :] == pytest.approx([0.0] * 6 * UPDATES, abs=1e-12)


def test_parts_of_the_model_keep_their_share_of_the_rate():
    used = optimizer(1.0, 0.2)
    rate = yolod_rate(used, yolod(), 0.01, UPDATES)
    rate.begin_epoch(3)
    first, second = (group["lr"] for group in used.param_groups)
    assert second == pytest.approx(0.2 * first)
    assert first > 0


def test_a_training_that_is_resumed_inside_an_epoch_goes_on_with_the_same_rates():
    section = yolod()
    whole = rates(yolod_rate, section)
    used = optimizer()
    rate = yolod_rate(used, section, 0.01, UPDATES)
    rate.begin_epoch(4)
    rate.after_update(4 * UPDATES + 6)
    assert used.param_groups[0]["lr"] == pytest.approx(whole[4 * UPDATES + 6])
