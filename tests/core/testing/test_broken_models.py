"""Models, data sets and trainers that break one rule fail exactly the check of that rule."""

import pytest

HEAD = """
    from zoo_core import DatasetSpec, InputSpec, LazyRef, ModelSpec, TrainerSpec, hookimpl
    zoo_api = 1

    @hookimpl
    def zoo_models():
        yield ModelSpec(
            name="acme_net", task="classification", summary="Small.", input=InputSpec(3, 32, 32),
            build=LazyRef("zoo_acme.parts:build"), config=LazyRef("zoo_acme.parts:Section"),
        )

    @hookimpl
    def zoo_datasets():
        yield DatasetSpec(
            name="acme_photos", task="classification", summary="Photos.", build=LazyRef("zoo_acme.parts:photos"),
            config=LazyRef("zoo_classification.config:FolderSection"),
        )

    @hookimpl
    def zoo_trainers():
        yield TrainerSpec(name="acme_trainer", summary="Fits.", build=LazyRef("zoo_acme.parts:Trainer"))
"""
NET = """
    import random, time
    import torch
    from torch import nn
    from zoo_core.config.sections import ModelSection

    class Section(ModelSection):
        width: int = 8
        MORE

    class Net(nn.Module):
        def __init__(self, channels, width, classes):
            super().__init__()
            self.conv = nn.Conv2d(channels, width, 3, stride=2, padding=1)
            self.norm = nn.BatchNorm2d(width)
            self.pool = POOL
            self.fc = nn.LazyLinear(classes)
            INIT

        def forward(self, x):
            x = self.fc(self.pool(torch.relu(self.norm(self.conv(x)))).flatten(1))
            FORWARD
            return x

    def build(section, context):
        net = Net(context.input.channels, section.width, CLASSES).eval()
        net(torch.zeros(1, *context.input.shape) if SIZED else torch.zeros(1, 3, 32, 32))
        return net.train()
"""
GOOD_NET = {
    "MORE": "pass", "POOL": "nn.AdaptiveAvgPool2d(1)", "INIT": "pass", "FORWARD": "pass",
    "CLASSES": "context.num_classes", "SIZED": "True",
}  # fmt: skip
MODEL = """
    class TestNet(ModelConformance):
        model = "acme_net"
        section = {"width": 6}
"""
UNEXPORTED = f"{MODEL}        supports_export = False\n"
PHOTOS = """
    from dataclasses import replace
    from zoo_classification.data.folder import build

    class Photos:
        def __init__(self, other):
            self.other = other
            self.targets = TARGETS

        def __len__(self):
            return len(self.other)

        def name(self, index):
            return NAME

        def __getitem__(self, index):
            return READ

    def photos(section, request):
        splits = build(section, request)
        return replace(splits, train=Photos(splits.train) if splits.train else None, ALSO)
"""
GOOD_PHOTOS = {
    "TARGETS": "other.targets", "NAME": "self.other.name(index)", "READ": "self.other[index]", "ALSO": "",
}  # fmt: skip
DATASET = "class TestPhotos(DatasetConformance): dataset = 'acme_photos'"
TRAINER = """
    from zoo_core.training.trainer import build

    class Trainer:
        def __init__(self, config):
            self.other = build(config)

        def check(self, model, task, training):
            self.other.check(model, task, training)

        def fit(self, job):
            from dataclasses import replace
            FIRST
            outcome = self.other.fit(job)
            THEN
            return outcome
"""
FITTING = """
    class TestTrainer(TrainerConformance):
        trainer = "acme_trainer"
        model = "resnet8"
        epochs = 8
        training = {"optimizer": {"opt": "adamw"}, "lr_scheduler": {"lr": 0.003, "warmup_epochs": 0}}
"""


def filled(text, good, changes):
    for word, value in {**good, **changes}.items():
        text = text.replace(word, value)
    return text


@pytest.mark.slow
def test_good_model_passes_every_check(install, check):
    install(HEAD, parts=filled(NET, GOOD_NET, {}))
    found = check(MODEL)
    assert found.failed == set(), found.texts
    assert found.skipped == {}


BROKEN_MODELS = (
    ({}, None, ""),
    ({"CLASSES": "3"}, "it_is_built_for_any_number_of_classes", "use context.num_classes"),
    ({"INIT": "self.spare = nn.Parameter(torch.zeros(2))"}, "gradients_reach_every_weight", "spare"),
    (
        {"INIT": "nn.init.normal_(self.conv.weight, generator=torch.Generator().manual_seed(time.time_ns()))"},
        "same_seed_gives_same_weights",
        "conv.weight",
    ),
    (
        {"INIT": "self.shift = torch.rand(classes)", "FORWARD": "x = x + self.shift"},
        "weights_survive_saving",
        "computes something else",
    ),
    ({"POOL": "nn.Identity()", "SIZED": "False"}, "other_input_size", "shapes cannot be multiplied"),
    ({"MORE": "model_config = {'extra': 'allow'}"}, "unknown_key_is_refused", "DID NOT RAISE"),
)


@pytest.mark.parametrize(
    ("changes", "failing", "word"),
    [
        row if place in (0, 1, 2) else pytest.param(*row, marks=pytest.mark.slow)
        for place, row in enumerate(BROKEN_MODELS)
    ],
    ids=["good", "classes", "unused", "seed", "state", "size", "keys"],
)
def test_model_that_breaks_one_rule(install, check, changes, failing, word):
    install(HEAD, parts=filled(NET, GOOD_NET, changes))
    found = check(UNEXPORTED)
    assert found.failed == ({failing} if failing else set()), found.texts
    assert word in found.texts.get(failing, "")
    assert "supports_export = False" in found.skipped["int8_resembles_float"]


@pytest.mark.slow
def test_output_that_is_no_number_is_found(install, check):
    install(HEAD, parts=filled(NET, GOOD_NET, {"FORWARD": "x = x / 0 - x / 0"}))
    found = check(UNEXPORTED)
    assert "outputs are not finite" in found.texts["outputs_fit_the_use_case"]


BROKEN_DATA = (
    ({}, set(), ""),
    (
        {"TARGETS": "list(other.targets)[:-1]"},
        {"splits_are_there_and_labelled"},
        "labels of",
    ),
    ({"TARGETS": "[0] * len(other)"}, {"samples_are_images_with_their_label"}, "not that in targets"),
    ({"ALSO": "class_names=('disc', 'disc', '')"}, {"classes_are_named"}, "empty class names"),
    ({"ALSO": "validation=splits.train"}, {"splits_are_disjoint"}, "samples are in train and in validation"),
    (
        {"READ": "replace(self.other[index], path='x')"},
        {"names_are_unique_and_lead_to_the_sample"},
        "another path than its name",
    ),
    (
        {"TARGETS": "other.targets; import random; self.order = random.sample(range(len(other)), len(other)); "
         "self.targets = [other.targets[i] for i in self.order]",
         "NAME": "self.other.name(self.order[index])", "READ": "self.other[self.order[index]]"},
        {"same_section_gives_the_same_data"},
        "other samples, or another order",
    ),
    (
        {"READ": "__import__('zoo_core').Sample("
         "__import__('PIL.Image').Image.open(self.name(index)).convert('RGB'), "
         "self.targets[index], self.name(index))"},
        {"damaged_file_is_skipped_and_named"},
        "cannot identify image file",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "failing", "word"),
    [row if place in (0, 4) else pytest.param(*row, marks=pytest.mark.slow) for place, row in enumerate(BROKEN_DATA)],
    ids=["good", "few_labels", "labels", "classes", "overlap", "path", "order", "damaged"],
)
def test_data_set_that_breaks_one_rule(install, check, changes, failing, word):
    install(HEAD, parts=filled(PHOTOS, GOOD_PHOTOS, changes))
    found = check(DATASET)
    assert found.failed == failing, found.texts
    assert any(word in found.texts[name] for name in failing) or not failing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({}, set()),
        ({"THEN": "job.best_path.unlink()"}, {"best_and_last_weights_are_kept"}),
        (
            {"FIRST": "job = replace(job, resume_from=None, seed=job.seed + (job.resume_from is not None))"},
            {"interrupted_training_goes_on"},
        ),
        ({"THEN": "outcome = replace(outcome, epochs=3)"}, {"outcome_says_what_was_done"}),
    ],
    ids=["good", "best", "resume", "epochs"],
)
def test_trainer_that_breaks_one_rule(install, check, changes, failing):
    install(HEAD, parts=filled(TRAINER, {"FIRST": "pass", "THEN": "pass"}, changes))
    found = check(FITTING)
    assert found.failed == failing, found.texts
