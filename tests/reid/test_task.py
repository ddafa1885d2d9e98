"""What the use case decides: keys of ST, what stands for accuracy, the size of embeddings, what is no embedder."""

from __future__ import annotations

import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import PreprocessingSection, RunConfig
from zoo_core.errors import UserError
from zoo_core.protocols import ModelContext, ModelInfo
from zoo_core.results import MetricValue
from zoo_reid.config import ReidDatasetSection, ReidModelSection, ReidPredictionSection, ReidTrainingSection
from zoo_reid.labels import PersonLabel
from zoo_reid.models.build import build as build_model
from zoo_reid.models.embedder import Embedder
from zoo_reid.task import build

INPUT = InputSpec(3, 64, 32)
PERSONS = ("anna", "bert", "carl")


def info(name="mobilenetv1_a025", **keys):
    return ModelInfo(name=name, input=INPUT, class_names=PERSONS, **keys)


def task_of(known=None, /, **sections):
    values = {"model": ReidModelSection(), "dataset": ReidDatasetSection(), **sections}
    config = RunConfig.model_construct(
        operation_mode="training", use_case="reid", preprocessing=PreprocessingSection(), **values
    )
    return build(config, known or info())


@pytest.mark.parametrize(
    ("name", "model", "key"),
    [
        ("rank1", "float", "float_acc_rank1_test_set"),
        ("rank5", "float", "float_acc_rank5_test_set"),
        ("rank10", "int8", "int_acc_rank10_test_set"),
        ("map", "float", "float_mAP_test_set"),
        ("map", "int8", "int_mAP_test_set"),
        ("minp", "float", None),
        ("reranked_map", "float", None),
        ("map_low", "int8", None),
        ("accuracy", "float", None),
    ],
)
def test_keys_of_st_in_the_log(name, model, key):
    assert task_of().metric_key(MetricValue(name=name, value=1.0, model=model, split="test")) == key


def test_metrics_of_no_set_have_no_key():
    assert task_of().metric_key(MetricValue(name="map", value=1.0, model="float")) is None


@pytest.mark.parametrize(
    ("by", "given", "meant"),
    [("identity", False, "rank1"), ("image", False, "accuracy"), ("image", True, "rank1"), ("identity", True, "rank1")],
)
def test_what_stands_for_the_accuracy_of_keras(tmp_path, by, given, meant):
    """Persons of the training are among those that validate only where their pictures are divided."""
    section = ReidDatasetSection(validation_split_by=by, validation_path=tmp_path if given else None)
    assert task_of(dataset=section).metric_synonyms == {"top1": meant}


def test_weights_are_chosen_by_retrieval():
    assert (task_of().monitor().name, task_of().monitor().higher_is_better) == ("map", True)


@pytest.mark.parametrize(
    ("shapes", "features"), [(((None, 40),), 40), (((1, 512, 1, 1),), 512), (((None, 40), (None, 3)), 40)]
)
def test_the_file_says_the_size_of_embeddings(shapes, features):
    """Models of others are no models of this package; their outputs tell."""
    assert task_of(info("somebodys", output_shapes=shapes)).features == features


@pytest.mark.parametrize("name", ["mobilenetv1_a025", "mobilenetv2_a035", "osnet_a025", "resnet18"])
def test_the_name_says_the_size_of_embeddings(name):
    section = ReidModelSection(model_name=name)
    model = build_model(section, ModelContext(num_classes=0, input=INPUT)).eval()
    with torch.no_grad():
        embedding = model(torch.zeros(1, 3, 64, 32))
    assert task_of(info(name), model=section).features == embedding.shape[1]


def test_the_model_section_says_the_size_of_embeddings():
    section = ReidModelSection(model_name="mobilenetv1_a025", embedding_size=24)
    assert task_of(model=section).features == 24


def test_a_network_says_the_size_of_its_embeddings():
    task = task_of(info("somebodys"))
    task.use_model(build_model(ReidModelSection(model_name="osnet_a025"), ModelContext(num_classes=2, input=INPUT)))
    assert task.features == 128  # a quarter of 512


def test_nothing_says_the_size():
    with pytest.raises(UserError, match="somebodys"):
        _ = task_of(info("somebodys")).features


@pytest.mark.parametrize(
    ("inside", "stored", "exported", "expected"),
    [
        ("outside", None, False, False),
        ("inside", None, False, True),
        ("inside", False, True, False),
        ("outside", True, True, True),
        ("inside", None, True, True),
        ("outside", None, True, False),
    ],
)
def test_the_file_says_whether_embeddings_have_length_one(inside, stored, exported, expected):
    origin = {} if stored is None else {"decoding": {"normalized": stored}}
    model = info(output_shapes=((None, 8),) if exported else (), origin=origin)
    task = task_of(model, model=ReidModelSection(normalize=inside))
    assert task.normalized is expected
    assert task.decoder().describe()["normalized"] is expected


def test_what_a_device_is_told():
    found = task_of(info(output_shapes=((None, 48),))).decoder().describe()
    assert found == {"type": "embedding", "family": "embedding", "features": 48, "normalized": False}


def test_the_number_of_matches_reaches_the_search():
    section = ReidPredictionSection(ranks=7, reid_distance_metric="euclidean")
    decoder = task_of(info(output_shapes=((None, 8),)), prediction=section).decoder()
    assert (decoder.section.ranks, decoder.section.reid_distance_metric) == (7, "euclidean")


@pytest.mark.parametrize("shape", [(1, 40), (None, 40), (1, 512, 1, 1), (None, 512, None, None)])
def test_embeddings_are_taken(shape):
    assert task_of().check_outputs([shape]) == ()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(1, 40), (1, 3)], "has 2 outputs; a model for re-identification has one"),
        ([], "has 0 outputs"),
        ([(1, 84, 6)], "has 84 x 6 numbers for each image"),
        ([(1, 40, 4, 2)], "has 40 x 4 x 2 numbers for each image"),
        ([(4,)], "has one number numbers for each image"),
    ],
)
def test_other_outputs_are_told(shapes, words):
    (problem,) = task_of().check_outputs(shapes)
    assert words in problem


def test_what_is_exported_is_the_embedding_alone():
    section = ReidModelSection(model_name="mobilenetv1_a025", normalize="inside")
    model = build_model(section, ModelContext(num_classes=3, input=INPUT)).eval()
    assert isinstance(model, Embedder)
    exported = task_of(model=section).export_model(model)
    with torch.no_grad():
        embedding = exported(torch.rand(2, 3, 64, 32))
    assert embedding.shape == (2, model.embedding_size)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))


def test_networks_of_others_are_exported_as_they_are():
    other = torch.nn.Linear(2, 2)
    assert task_of().export_model(other) is other


def test_batches_hold_persons_with_several_pictures():
    training = ReidTrainingSection(epochs=1, batch_size=6, num_instances=3)
    labels = [PersonLabel(identity=name, number=number) for number, name in enumerate(PERSONS) for _ in range(4)]
    config = RunConfig.model_construct(
        operation_mode="training",
        use_case="reid",
        general=RunConfig.model_fields["general"].get_default(call_default_factory=True),
        preprocessing=PreprocessingSection(),
        model=ReidModelSection(),
        dataset=ReidDatasetSection(),
        training=training,
    )

    class Pictures:
        targets = labels

    order = list(build(config, info()).train_sampler(Pictures()))
    assert order
    assert len(order) % 6 == 0
    for start in range(0, len(order), 6):
        numbers = [labels[index].number for index in order[start : start + 6]]
        assert sorted(numbers.count(number) for number in set(numbers)) == [3, 3]


def test_the_share_told_right_in_a_batch():
    task = task_of(training=ReidTrainingSection(epochs=1, batch_size=8))
    targets = task.collate_targets([PersonLabel(identity=name, number=number) for number, name in enumerate(PERSONS)])
    logits = torch.tensor([[2.0, 1, 0], [2, 1, 0], [0, 1, 2]])
    found = task.train_metrics((torch.zeros(3, 4), torch.zeros(3, 4), logits), targets)
    assert found["accuracy"].item() == pytest.approx(200 / 3)
    assert task.train_metrics((torch.zeros(3, 4),), targets) == {}


def test_without_a_training_section_there_are_no_losses():
    with pytest.raises(UserError, match="training section is missing"):
        task_of(training=None).criterion()
