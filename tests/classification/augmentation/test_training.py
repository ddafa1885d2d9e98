"""What the trainer makes of the keys that shape batches: copies, repetitions, mixing, sizes."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_classification.augmentation.transform import TrainTransform
from zoo_classification.config import DataAugmentationSection
from zoo_classification.models.resnet_cifar import build
from zoo_classification.task import ClassificationTask
from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import DatasetSection, ModelSection, TrainingSection
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import ModelContext, ModelInfo, Sample, TrainJob
from zoo_core.training.hardware import choose_hardware
from zoo_core.training.session import Session
from zoo_core.training.silence import SilentProgress
from zoo_core.training.trainer import LightningTrainer

INPUT = InputSpec(1, 16, 16)
NAMES = ("dark", "middle", "light")


class Squares:
    """Noisy grey squares whose brightness is the class."""

    in_memory = True

    def __init__(self, count):
        self.targets = [index % 3 for index in range(count)]

    def __len__(self):
        return len(self.targets)

    def name(self, index):
        return f"{index}.png"

    def __getitem__(self, index):
        level = 40 + 80 * self.targets[index]
        pixels = np.random.default_rng(index).integers(level - 30, level + 30, (16, 16))
        return Sample(Image.fromarray(pixels.astype(np.uint8)), self.targets[index], self.name(index))


def task(**keys):
    section = DataAugmentationSection.model_validate(keys)
    preprocessing = ImagePreprocessing(input=INPUT, color_mode="grayscale", mean=(0.5,), std=(0.25,))
    return ClassificationTask(preprocessing, section, ModelInfo(name="resnet8", input=INPUT, class_names=NAMES))


def job(folder, chosen, **training):
    torch.manual_seed(0)
    return TrainJob(
        model=build(ModelSection(model_name="resnet8"), ModelContext(num_classes=3, input=INPUT)),
        task=chosen,
        train=Squares(24),
        validation=Squares(9),
        training=TrainingSection.model_validate({"epochs": 2, "batch_size": 6, **training}),
        dataset=DatasetSection(workers=0),
        seed=3,
        deterministic=False,
        metadata={},
        best_path=folder / "best.pt",
        last_path=folder / "last.pt",
        work_dir=folder,
        resume_from=None,
        progress=SilentProgress(),
    )


def shapes_of_training(a_job):
    """Train, and return the shapes of the images and targets that model and loss were given in training mode."""
    images, targets = [], []
    a_job.model.register_forward_pre_hook(
        lambda module, inputs: images.append(tuple(inputs[0].shape)) if module.training else None
    )
    criterion = a_job.task.criterion()
    criterion.register_forward_pre_hook(
        lambda module, inputs: targets.append(tuple(inputs[1].shape)) if module.training else None
    )
    a_job.task.criterion = lambda: criterion
    LightningTrainer(device="cpu", threads=1).fit(a_job)
    return images, targets


def test_copies_make_batches_longer_and_the_loss_compares_them(tmp_path):
    chosen = task(aug_splits=3, jsd_loss=True, reprob=0.3, resplit=True)
    assert chosen.criterion().divergence is not None
    images, targets = shapes_of_training(job(tmp_path, chosen))
    assert images == [(18, 1, 16, 16)] * 8
    assert targets == [(18,)] * 8


def test_each_copy_has_batch_normalisation_of_its_own(tmp_path):
    a_job = job(tmp_path, task(aug_splits=3), split_bn=True)
    Session(a_job, choose_hardware("cpu", a_job.training), world=1, rank=0)
    split = [module for module in a_job.model.modules() if type(module).__name__ == "SplitBatchNorm2d"]
    assert split
    assert {len(module.aux_bn) for module in split} == {2}
    images, _ = shapes_of_training(job(tmp_path, task(aug_splits=3), split_bn=True))
    assert set(images) == {(18, 1, 16, 16)}


def test_repetitions_keep_the_length_of_an_epoch(tmp_path):
    images, _ = shapes_of_training(job(tmp_path, task(aug_repeats=3)))
    assert images == [(6, 1, 16, 16)] * 8


@pytest.mark.parametrize("keys", [{"mixup": 0.4}, {"cutmix": 1.0}, {"cutmix_minmax": [0.2, 0.6], "mixup_mode": "elem"}])
@pytest.mark.parametrize("bce_loss", [True, False])
def test_mixing_gives_the_loss_shares_of_classes(tmp_path, keys, bce_loss):
    images, targets = shapes_of_training(job(tmp_path, task(**keys, bce_loss=bce_loss)))
    assert images == [(6, 1, 16, 16)] * 8
    assert targets == [(6, 3)] * 8


def test_sizes_change_between_epochs_only(tmp_path):
    sizes = [[16, 16], [24, 16], [32, 32]]
    chosen = task(random_periodic_resizing={"image_sizes": sizes})
    images, _ = shapes_of_training(job(tmp_path, chosen, epochs=6))
    epochs = [images[start : start + 4] for start in range(0, 24, 4)]
    assert all(len(set(epoch)) == 1 for epoch in epochs)
    assert len(set(images)) > 1
    transform = chosen.train_transform()
    for number, epoch in enumerate(epochs):
        transform.set_epoch(number, 3)
        assert transform.image_to_tensor(Squares(1)[0].image).shape == epoch[0][1:]


def test_size_that_does_not_fit_the_network_is_refused_before_the_training(tmp_path):
    chosen = task(random_periodic_resizing={"image_sizes": [[16, 16], [18, 16]]})
    with pytest.raises(UserError, match="18x16 is no multiple of the network's stride, 4"):
        LightningTrainer(device="cpu", threads=1).fit(job(tmp_path, chosen))


def test_training_with_copies_is_the_same_again(tmp_path):
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        a_job = job(tmp_path / name, task(aug_splits=2, jsd_loss=True, aug_repeats=2, random_rotation={"factor": 0.1}))
        LightningTrainer(device="cpu", threads=1).fit(a_job)
        found.append(a_job.model.state_dict())
    assert all(torch.equal(value, found[1][key]) for key, value in found[0].items())


def test_preprocessing_of_evaluation_never_sees_the_sizes_or_copies():
    chosen = task(aug_splits=2, random_periodic_resizing={"image_sizes": [[32, 32]]})
    transform = chosen.train_transform()
    assert isinstance(transform, TrainTransform)
    transform.set_epoch(0, 0)
    assert chosen.preprocessing(Squares(1)[0].image).shape == (1, 16, 16)
