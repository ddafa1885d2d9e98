"""Own the checks of a target: abilities that match its methods, answers in sentences, figures, refusals in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.specs import ABILITIES, BENCHMARK, DEPLOY, INFER
from zoo_core.testing import tiny_onnx
from zoo_core.testing.conformance.base import UNKNOWN_KEY, Conformance
from zoo_core.testing.tiny_run import Unseen, tiny_config

if TYPE_CHECKING:
    from zoo_core.artifacts import QuantizedOnnx
    from zoo_core.plugins.registry import Resolved

METHODS = MappingProxyType({BENCHMARK: "benchmark", DEPLOY: "deploy", INFER: "open"})
IMAGES = 8
CORRELATION = 0.9
"""Smallest correlation of the target's outputs with onnxruntime's."""


class TargetConformance(Conformance):
    """Check one target on an int8 model of two convolutions and a matrix."""

    kind: ClassVar[str] = "target"
    target: ClassVar[str] = ""
    """Name such as `acme_board`."""
    sections: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    """Keys of sections such as `benchmarking`, `deployment` and `tools`."""
    needs_hardware: ClassVar[bool] = False
    """Whether it needs a device, a vendor's tool or a login: where these are not there, what needs them is skipped."""

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, resolved: Resolved[Any], component: str) -> Any:
        """Return the target, built as a run builds it."""
        return resolved.build(cls._config(resolved, component))

    @pytest.fixture(scope="class")
    @classmethod
    def int8(cls, tmp_path_factory: pytest.TempPathFactory) -> QuantizedOnnx:
        """Return the model that the target is asked to take."""
        from zoo_core.artifacts import QuantizedOnnx, hash_file

        path = tiny_onnx.write_int8_onnx(tmp_path_factory.mktemp("target") / "tiny_int8.onnx")
        return QuantizedOnnx(path=path, sha256=hash_file(path), made_by="user")

    def test_abilities_are_methods(self, resolved: Resolved[Any], built: Any) -> None:
        """Each ability of the specification is a method of the target: `benchmark`, `deploy`, and `open` to infer."""
        assert resolved.spec.abilities, "the specification states no ability"
        absent = [METHODS[ability] for ability in resolved.spec.abilities if not callable(_method(built, ability))]
        assert not absent, f"{type(built).__name__} has no method {', '.join(absent)}"

    def test_nothing_else_is_offered(self, resolved: Resolved[Any], built: Any) -> None:
        """What the specification does not state has no method, or `check` says why it cannot be done."""
        for ability in sorted(ABILITIES - resolved.spec.abilities):
            if callable(_method(built, ability)):
                text = f"{type(built).__name__} has the method {METHODS[ability]}, and the specification says nothing"
                assert built.check(ability), f'{text} of "{ability}"'

    def test_readiness_is_told_in_sentences(self, resolved: Resolved[Any], built: Any) -> None:
        """`check` answers for every ability with texts: nothing when it is ready, else every reason."""
        for ability in sorted(resolved.spec.abilities):
            found = built.check(ability)
            assert isinstance(found, tuple), f"check({ability!r}) gives {type(found).__name__}, expected a tuple"
            assert all(isinstance(text, str) and text.strip() for text in found), f"check({ability!r}) gives {found}"

    def test_model_is_measured(self, resolved: Resolved[Any], built: Any, int8: QuantizedOnnx, tmp_path: Path) -> None:
        """A benchmark of a tiny int8 model gives finite figures, and the files it names are there."""
        import math

        from zoo_core.results import BenchmarkResult, result_from_dict

        self._ready(resolved, built, BENCHMARK)
        found = built.benchmark(int8, tmp_path, Unseen())
        assert isinstance(found, BenchmarkResult)
        assert found.target.strip()
        assert found.device.strip()
        assert found.metrics, "there are no figures"
        wrong = [metric.name for metric in found.metrics if not math.isfinite(metric.value) or metric.value < 0]
        assert not wrong, f"figures that are no numbers: {', '.join(wrong)}"
        names = [metric.name for metric in found.metrics]
        assert len(set(names)) == len(names), f"figures that stand twice: {names}"
        _assert_files(found.files, tmp_path)
        assert result_from_dict(found.to_dict()).metrics == found.metrics, "the result cannot be read back"

    def test_model_is_deployed(self, resolved: Resolved[Any], built: Any, int8: QuantizedOnnx, tmp_path: Path) -> None:
        """A deployment of a tiny int8 model says what was made, and the files it names are there."""
        from zoo_core.results import DeploymentResult

        self._ready(resolved, built, DEPLOY)
        found = built.deploy(int8, tmp_path, Unseen())
        assert isinstance(found, DeploymentResult)
        assert found.target.strip()
        _assert_files(found.files, tmp_path)

    def test_model_is_run(self, resolved: Resolved[Any], built: Any, int8: QuantizedOnnx) -> None:
        """A session gives a row of finite outputs for each image, which go with those of onnxruntime."""
        import numpy as np

        self._ready(resolved, built, INFER)
        images = np.concatenate(list(tiny_onnx.RandomImages(count=IMAGES)))
        session = built.open(int8, Unseen())
        try:
            assert session.input.shape == tiny_onnx.SHAPE
            outputs = session.run(images)
        finally:
            if callable(close := getattr(session, "close", None)):
                close()
        (wanted,) = tiny_onnx.run_onnx(int8.path, images)
        assert [output.shape for output in outputs] == [wanted.shape]
        assert np.isfinite(outputs[0]).all()
        found = tiny_onnx.likeness(outputs[0], wanted)
        assert found > CORRELATION, f"outputs correlate by {found:.2f} with those of onnxruntime"

    @pytest.mark.parametrize("fault", ["absent", "text", "two_inputs"])
    def test_models_it_cannot_take_are_refused(
        self, resolved: Resolved[Any], built: Any, tmp_path: Path, fault: str
    ) -> None:
        """No file, a file that is no model, and a model with two inputs are answered with a `UserError`."""
        from zoo_core.artifacts import QuantizedOnnx
        from zoo_core.errors import UserError

        path = tmp_path / "given.onnx"
        if fault == "text":
            path.write_text("this is no model", encoding="utf-8")
        elif fault == "two_inputs":
            tiny_onnx.write_float_onnx(path, second_input=True)
        model = QuantizedOnnx(path=path, sha256="0" * 64, made_by="user")
        ability = BENCHMARK if BENCHMARK in resolved.spec.abilities else next(iter(sorted(resolved.spec.abilities)))
        self._ready(resolved, built, ability)
        method = _method(built, ability)
        with pytest.raises(UserError) as raised:
            method(model, Unseen()) if ability == INFER else method(model, tmp_path / "made", Unseen())
        assert str(raised.value).strip()

    def test_unknown_key_is_refused(self, resolved: Resolved[Any], component: str) -> None:
        """A misspelt key of a section that the target brings is named."""
        from pydantic import ValidationError

        if not resolved.spec.sections:
            pytest.skip(f"{component} brings no section of its own")
        for name, reference in resolved.spec.sections.items():
            keys = self._sections(component).get(name, {})
            with pytest.raises(ValidationError, match=UNKNOWN_KEY):
                resolved.load(reference).model_validate({**keys, UNKNOWN_KEY: 1})

    def _ready(self, resolved: Resolved[Any], built: Any, ability: str) -> None:
        """Skip what the target does not offer, or cannot do without its hardware."""
        if ability not in resolved.spec.abilities:
            pytest.skip(f"{resolved.spec.name} does not {ability}")
        problems = built.check(ability)
        if problems and self.needs_hardware:
            pytest.skip(f"{type(self).__name__} says needs_hardware = True: {' '.join(problems)}")
        assert not problems, f"{resolved.spec.name} is not ready ({' '.join(problems)}); needs_hardware is False"

    @classmethod
    def _sections(cls, component: str) -> dict[str, Mapping[str, Any]]:
        """Return the sections, with the target named in `benchmarking` unless they name another."""
        return {**cls.sections, "benchmarking": {"board": component, **cls.sections.get("benchmarking", {})}}

    @classmethod
    def _config(cls, resolved: Resolved[Any], component: str) -> Any:
        classes = {name: resolved.load(reference) for name, reference in resolved.spec.sections.items()}
        return tiny_config("benchmarking", cls._sections(component), classes)


def _method(target: Any, ability: str) -> Any:
    return getattr(target, METHODS[ability], None)


def _assert_files(files: tuple[str, ...], folder: Path) -> None:
    absent = [file for file in files if not (folder / file).exists()]
    assert not absent, f"files that were not written: {', '.join(absent)}"
