"""Own the checks of a trainer: it fits a handful of pictures, keeps its weights, goes on after an interruption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.protocols import TRAIN, VALIDATION, TrainJob, TrainOutcome
from zoo_core.testing.conformance.base import UNKNOWN_KEY, Conformance, find_component
from zoo_core.testing.conformance.model_bench import small_input
from zoo_core.testing.tiny import draw_tiny_dataset, tiny_training
from zoo_core.testing.tiny_run import SEED, Unseen, open_tiny_run

if TYPE_CHECKING:
    import torch

    from zoo_core.plugins.registry import Resolved
    from zoo_core.services.context import RunContext

CLOSE = 0.1
"""Largest difference of weights, as a share of their size, where a resumed training need not be exact."""


class TrainerConformance(Conformance):
    """Check one trainer on a small model and a few drawn pictures."""

    kind: ClassVar[str] = "trainer"
    trainer: ClassVar[str] = ""
    """Name such as `acme_trainer`."""
    model: ClassVar[str] = ""
    """Name of a small model that it trains."""
    section: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Further keys of the `model` section."""
    training: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Further keys of the `training` section, such as a learning rate at which the model learns quickly."""
    sections: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Further sections, such as `data_augmentation`."""
    epochs: ClassVar[int] = 12
    """Epochs in which the loss must fall."""
    loss_ratio: ClassVar[float] = 0.7
    """Largest loss on the training pictures afterwards, as a share of that before."""
    supports_resume: ClassVar[bool] = True
    resumes_exactly: ClassVar[bool] = True
    """Whether an interrupted training ends with the same weights, bit by bit, on one CPU."""

    def dataset_section(self, task: str, folder: Path) -> dict[str, Any]:
        """Return the `dataset` section of pictures to train on; override it for use cases of your own."""
        return draw_tiny_dataset(task, folder)

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, resolved: Resolved[Any], component: str, tmp_path_factory: pytest.TempPathFactory) -> TrainerBench:
        """Return what the checks share."""
        if not cls.model:
            pytest.fail(f"{cls.__name__} names no model to train: set model = ...")
        folder = tmp_path_factory.mktemp("trainer")
        model = find_component("model", cls.model)
        task = model.spec.task
        document = {
            "operation_mode": "training",
            "use_case": task,
            "model": {"model_name": cls.model, "input_shape": list(small_input(model.spec.input).shape), **cls.section},
            "dataset": cls().dataset_section(task, folder / "pictures"),
            **cls.sections,
        }
        training = {"epochs": cls.epochs, **tiny_training(task), **cls.training, "trainer": component}
        return TrainerBench(resolved=resolved, folder=folder, document=document, training=training)

    def test_settings_that_fit_are_taken(self, bench: TrainerBench) -> None:
        """`check` says nothing against a model and settings that it can train."""
        context = bench.open("checked")
        trainer = bench.resolved.build(context.config)
        trainer.check(bench.model(context), context.task, context.config.training)

    def test_loss_falls(self, bench: TrainerBench) -> None:
        """After some epochs the loss on the training pictures is clearly smaller."""
        finished = bench.finished
        assert finished.after < self.loss_ratio * finished.before, (
            f"the loss on the training pictures went from {finished.before:.4g} to {finished.after:.4g} in "
            f"{self.epochs} epochs; raise epochs or set a learning rate in training"
        )

    def test_outcome_says_what_was_done(self, bench: TrainerBench) -> None:
        """Epochs are counted, the metric that decided stands first, and files that are named are there."""
        import math

        outcome = bench.finished.outcome
        assert outcome.stopped_early or outcome.epochs == self.epochs
        assert 1 <= outcome.best_epoch <= outcome.epochs
        assert outcome.best_metrics, "there are no metrics of the best weights"
        deciding = outcome.best_metrics[0]
        assert deciding.name.strip()
        assert math.isfinite(deciding.value), f"the deciding metric {deciding.name} is {deciding.value}"
        absent = [str(path) for path in outcome.files if not path.is_file()]
        assert not absent, f"files that were not written: {', '.join(absent)}"

    def test_best_and_last_weights_are_kept(self, bench: TrainerBench) -> None:
        """Both checkpoints are there, fit the model, and say what they hold."""
        from zoo_core.training.checkpoint import load_into, read_weights

        job = bench.finished.job
        for path in (job.best_path, job.last_path):
            assert path.is_file(), f"{path.name} was not written"
            load_into(bench.model(bench.finished.context), read_weights(path).state_dict, path)
        assert read_weights(job.best_path).metadata, "the best weights do not carry the description of the job"

    def test_interrupted_training_goes_on(self, bench: TrainerBench) -> None:
        """Stopped after half of the epochs and resumed, it ends like one that ran through."""
        import torch

        self.need("supports_resume")
        wanted, found = bench.finished, bench.resumed(self.epochs // 2)
        assert found.outcome.epochs == wanted.outcome.epochs
        one, other = wanted.weights, found.weights
        assert list(one) == list(other)
        if self.resumes_exactly:
            differing = [name for name in one if not torch.equal(one[name], other[name])]
            assert not differing, f"weights that differ from those of a training that ran through: {differing}"
        else:
            moved = [
                float((one[name] - other[name]).norm() / one[name].norm().clamp(min=1e-6))
                for name in one
                if one[name].is_floating_point()
            ]
            assert max(moved) < CLOSE, f"weights differ by {max(moved):.2g} of their size after resuming"

    def test_unknown_key_is_refused(self, bench: TrainerBench) -> None:
        """A misspelt key of the `training` section is named."""
        from zoo_core.errors import ConfigError

        with pytest.raises(ConfigError, match=UNKNOWN_KEY):
            bench.open("unknown", **{UNKNOWN_KEY: 1})


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Hold a training that came to its end, with its loss on the training pictures before and after."""

    context: RunContext
    job: TrainJob
    outcome: TrainOutcome
    before: float
    after: float

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """Return the weights of the last epoch."""
        from zoo_core.training.checkpoint import read_weights

        return read_weights(self.job.last_path).state_dict


@dataclass(kw_only=True)
class TrainerBench:
    """Train as a run does, once for all checks, and once with an interruption."""

    resolved: Resolved[Any]
    folder: Path
    document: Mapping[str, Any]
    training: Mapping[str, Any]
    _runs: list[str] = field(default_factory=list)

    def open(self, name: str, **changes: Any) -> RunContext:
        """Return a run; `changes` are further keys of the `training` section."""
        document = {**self.document, "training": {**self.training, **changes}}
        return open_tiny_run(self.folder / name, document, splits=frozenset({TRAIN, VALIDATION}))

    def model(self, context: RunContext) -> torch.nn.Module:
        """Return a new network with seeded weights."""
        from zoo_core.data.seeding import seed_everything

        seed_everything(SEED)
        return context.build_model()

    def job(self, context: RunContext, *, resume_from: Path | None = None, task: Any = None) -> TrainJob:
        """Return the job that a run would give to the trainer."""
        layout = context.layout
        layout.saved_models.mkdir(parents=True, exist_ok=True)
        (work := layout.root / "stages").mkdir(exist_ok=True)
        return TrainJob(
            model=self.model(context),
            task=context.task if task is None else task,
            train=context.dataset(TRAIN),
            validation=context.dataset(VALIDATION),
            training=context.config.training,
            dataset=context.config.dataset,
            seed=SEED,
            deterministic=False,
            metadata=context.description(),
            best_path=layout.saved_models / "best_model.pt",
            last_path=layout.saved_models / "last_model.pt",
            work_dir=work,
            resume_from=resume_from,
            progress=Unseen(),
            log_dir=layout.logs,
        )

    @cached_property
    def finished(self) -> Finished:
        """Return a training without interruption."""
        context = self.open("through")
        return self._finish(context, self.job(context))

    def resumed(self, epoch: int) -> Finished:
        """Return a training that was interrupted after some epochs and went on."""
        context = self.open("stopped")
        job = self.job(context, task=_Stopping(context.task, self._last(context), epoch))
        with pytest.raises(KeyboardInterrupt):
            self.resolved.build(context.config).fit(job)
        assert job.last_path.is_file(), f"{epoch} epochs were finished, and no last checkpoint is there"
        again = self.open("stopped")
        return self._finish(again, self.job(again, resume_from=job.last_path))

    def _last(self, context: RunContext) -> Path:
        return context.layout.saved_models / "last_model.pt"

    def _finish(self, context: RunContext, job: TrainJob) -> Finished:
        before = self._loss(context, job.model)
        outcome = self.resolved.build(context.config).fit(job)
        from zoo_core.training.checkpoint import load_into, read_weights

        trained = self.model(context)
        load_into(trained, read_weights(job.last_path).state_dict, job.last_path)
        return Finished(context=context, job=job, outcome=outcome, before=before, after=self._loss(context, trained))

    def _loss(self, context: RunContext, model: torch.nn.Module) -> float:
        """Return the mean loss over the training batches of one epoch; the model is a copy afterwards as before."""
        import copy

        import torch

        from zoo_core.data.loader import train_loader
        from zoo_core.training.validation import loss_parts

        network, criterion = copy.deepcopy(model).train(), context.task.criterion()
        losses = []
        with torch.no_grad():
            for images, targets in _batches(train_loader, context):
                losses.append(float(loss_parts(criterion(network(images), targets))["loss"]))
        return sum(losses) / len(losses)


def _batches(loader: Any, context: RunContext) -> Iterator[Any]:
    made = loader(context.dataset(TRAIN), context.task, context.config.training, context.config.dataset, SEED)
    yield from made
    made.close()


class _Stopping:
    """Stand for a use case, and stop the training like Ctrl-C when some epochs are done and the next is measured."""

    def __init__(self, task: Any, last: Path, epochs: int) -> None:
        self._task = task
        self._last = last
        self._epochs = epochs
        self._measured = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def evaluator(self) -> Any:
        """Return the evaluator for an epoch, or stop."""
        if self._last.is_file():
            self._measured += 1
        if self._measured >= self._epochs:
            raise KeyboardInterrupt
        return self._task.evaluator()
