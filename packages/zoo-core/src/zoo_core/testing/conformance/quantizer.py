"""Own the checks of a quantizer: a valid integer model that is still itself, the same each time, refusals in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.testing import tiny_onnx
from zoo_core.testing.conformance.base import UNKNOWN_KEY, Conformance

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.protocols import QuantizationOutcome

CORRELATION = 0.8
"""Smallest correlation of the quantized model's outputs with the float model's."""
IMAGES = 16


class QuantizerConformance(Conformance):
    """Check one quantizer on a model of two convolutions and a matrix."""

    kind: ClassVar[str] = "quantizer"
    quantizer: ClassVar[str] = ""
    """Name such as `acme_quantizer`."""
    quantization: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Further keys of the `quantization` section."""
    supports_onnxruntime: ClassVar[bool] = True
    """Whether onnxruntime can run the models it makes."""

    @pytest.fixture(scope="class")
    @classmethod
    def made(
        cls, resolved: Resolved[Any], component: str, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[Path, QuantizationOutcome]:
        """Return the float model and what became of it."""
        folder = tmp_path_factory.mktemp("quantizer")
        model = tiny_onnx.write_float_onnx(folder / "tiny.onnx")
        return model, cls._build(resolved, component).quantize(tiny_onnx.quantization_job(model, folder / "quantized"))

    def test_model_is_valid(self, made: tuple[Path, QuantizationOutcome]) -> None:
        """The file lies in the folder of the job, and passes the checker of ONNX."""
        import onnx

        model, outcome = made
        assert outcome.path.is_file(), f"{outcome.path} was not written"
        assert outcome.path.is_relative_to(model.parent / "quantized"), "the model is not in the folder of the job"
        assert outcome.path != model
        onnx.checker.check_model(str(outcome.path))

    def test_weights_are_integers(self, made: tuple[Path, QuantizationOutcome]) -> None:
        """Most weights are integers of at most 16 bits, and the file is recognised as a quantized model."""
        import onnx

        from zoo_core.export.onnx_file import inspect_onnx

        path = made[1].path
        integers, others = tiny_onnx.integer_weights(onnx.load(str(path)))
        assert integers > others, f"{integers} weights are integers, {others} are not"
        assert inspect_onnx(path).quantized, "the graph has no operators of quantization"

    def test_inputs_outputs_and_description_are_kept(self, made: tuple[Path, QuantizationOutcome]) -> None:
        """Shapes stay, and so does everything that the float model says of itself."""
        from zoo_core.export.onnx_file import inspect_onnx

        before, after = inspect_onnx(made[0]), inspect_onnx(made[1].path)
        assert [tensor.shape for tensor in after.inputs] == [tensor.shape for tensor in before.inputs]
        assert [tensor.shape for tensor in after.outputs] == [tensor.shape for tensor in before.outputs]
        lost = {key: value for key, value in before.metadata.items() if after.metadata.get(key) != value}
        assert not lost, f"the quantized model lost what the float model says of itself: {', '.join(lost)}"

    def test_outputs_resemble_those_of_the_float_model(self, made: tuple[Path, QuantizationOutcome]) -> None:
        """The model runs in onnxruntime, and its outputs go with those of the float model."""
        import numpy as np

        self.need("supports_onnxruntime")
        images = np.concatenate(list(tiny_onnx.RandomImages(count=IMAGES)))
        (wanted,), (found,) = (tiny_onnx.run_onnx(path, images) for path in (made[0], made[1].path))
        assert found.shape == wanted.shape
        assert np.isfinite(found).all()
        like = tiny_onnx.likeness(found, wanted)
        assert like > CORRELATION, f"outputs correlate by {like:.2f} with those of the float model"

    def test_float_model_is_left_as_it_was(self, resolved: Resolved[Any], component: str, tmp_path: Path) -> None:
        """Quantizing does not change the given file."""
        model = tiny_onnx.write_float_onnx(tmp_path / "tiny.onnx")
        before = model.read_bytes()
        self._build(resolved, component).quantize(tiny_onnx.quantization_job(model, tmp_path / "quantized"))
        assert model.read_bytes() == before

    def test_same_model_gives_the_same_result(
        self, made: tuple[Path, QuantizationOutcome], resolved: Resolved[Any], component: str, tmp_path: Path
    ) -> None:
        """Quantized again from the same images, operators and weights are the same."""
        import onnx

        model = tiny_onnx.write_float_onnx(tmp_path / "tiny.onnx")
        again = self._build(resolved, component).quantize(tiny_onnx.quantization_job(model, tmp_path / "quantized"))
        one, other = (onnx.load(str(path)).graph for path in (made[1].path, again.path))
        assert [node.op_type for node in one.node] == [node.op_type for node in other.node]
        weights = [
            {tensor.name: tensor.SerializeToString(deterministic=True) for tensor in graph.initializer}
            for graph in (one, other)
        ]
        assert weights[0] == weights[1], "weights or scales differ from one time to the next"

    @pytest.mark.parametrize("fault", ["absent", "text", "two_inputs"])
    def test_what_cannot_be_quantized_is_refused(
        self, resolved: Resolved[Any], component: str, tmp_path: Path, fault: str
    ) -> None:
        """No file, a file that is no model, and a model with two inputs are answered with a `UserError`."""
        from zoo_core.errors import UserError

        model = tmp_path / "given.onnx"
        if fault == "text":
            model.write_text("this is no model", encoding="utf-8")
        elif fault == "two_inputs":
            tiny_onnx.write_float_onnx(model, second_input=True)
        with pytest.raises(UserError) as raised:
            self._build(resolved, component).quantize(tiny_onnx.quantization_job(model, tmp_path / "quantized"))
        assert model.name in str(raised.value), "the message does not name the file"

    def test_no_images_are_refused(self, resolved: Resolved[Any], component: str, tmp_path: Path) -> None:
        """A quantizer that calibrates says so when there are no images."""
        from zoo_core.errors import UserError

        if not resolved.spec.calibrates:
            pytest.skip(f"{component} says calibrates = False")
        model = tiny_onnx.write_float_onnx(tmp_path / "tiny.onnx")
        none = tiny_onnx.RandomImages(count=0)
        with pytest.raises(UserError):
            self._build(resolved, component).quantize(
                tiny_onnx.quantization_job(model, tmp_path / "quantized", images=none)
            )

    def test_unknown_key_is_refused(self, resolved: Resolved[Any], component: str) -> None:
        """A misspelt key of the `quantization` section is named."""
        from pydantic import ValidationError

        with pytest.raises(ValidationError, match=UNKNOWN_KEY):
            self._section(resolved, component, **{UNKNOWN_KEY: 1})

    @classmethod
    def _build(cls, resolved: Resolved[Any], component: str) -> Any:
        return resolved.build(cls._section(resolved, component))

    @classmethod
    def _section(cls, resolved: Resolved[Any], component: str, **changes: Any) -> Any:
        section = resolved.load(resolved.spec.config)
        return section.model_validate({"quantizer": component, **cls.quantization, **changes})
