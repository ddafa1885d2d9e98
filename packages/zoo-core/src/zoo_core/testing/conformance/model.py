"""Own the checks of a model: it is built, learns, is saved, exported and quantized, and refuses what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.testing.conformance.base import UNKNOWN_KEY, Conformance
from zoo_core.testing.conformance.model_bench import ModelBench, small_input
from zoo_core.testing.tiny import draw_tiny_dataset, tiny_training

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved

EXPORT_TOLERANCE = 1e-3
"""Largest difference between torch and onnxruntime as a share of the largest magnitude in an output."""
INT8_CORRELATION = 0.8
"""Smallest correlation of int8 outputs with float ones."""
INT8_ERROR = 0.1
"""Largest error of int8 outputs that hardly vary, as a share of their size."""
VARIES = 0.05
"""Spread of an output as a share of its size below which it hardly varies."""
CHECKPOINT = "weights.pt"


class ModelConformance(Conformance):
    """Check one model with new weights on a few drawn pictures."""

    kind: ClassVar[str] = "model"
    model: ClassVar[str] = ""
    """Name such as `acme_net` or `zoo-acme/acme_net`."""
    section: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Further keys of the `model` section."""
    input_shape: ClassVar[tuple[int, int, int] | None] = None
    """(channels, height, width) for the checks; the model's own, made smaller to 64 pixels, when absent."""
    class_counts: ClassVar[tuple[int, ...]] = (2, 5)
    """Numbers of classes that the model is built for."""
    supports_training: ClassVar[bool] = True
    supports_export: ClassVar[bool] = True
    supports_quantization: ClassVar[bool] = True
    supports_other_sizes: ClassVar[bool] = True
    """Whether it can be built for another input size."""

    def dataset_section(self, task: str, folder: Path) -> dict[str, Any]:
        """Return the `dataset` section of pictures to train on; override it for use cases of your own."""
        return draw_tiny_dataset(task, folder)

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, resolved: Resolved[Any], component: str, tmp_path_factory: pytest.TempPathFactory) -> ModelBench:
        """Return what the checks share."""
        folder, task = tmp_path_factory.mktemp("model"), resolved.spec.task
        size = small_input(resolved.spec.input) if cls.input_shape is None else InputSpec(*cls.input_shape)
        return ModelBench(
            resolved=resolved,
            component=component,
            folder=folder,
            section=cls.section,
            dataset=cls().dataset_section(task, folder / "pictures"),
            training=tiny_training(task),
            input=size,
        )

    def test_outputs_fit_the_use_case(self, bench: ModelBench) -> None:
        """Outputs are finite, have a row for each image, and have the form that the use case reads."""
        outputs = bench.outputs(bench.build(), bench.images(3))
        _assert_rows(outputs, 3)
        problems = bench.context.task.check_outputs([(None, *output.shape[1:]) for output in outputs])
        assert not problems, "\n".join(problems)

    def test_it_is_built_for_any_number_of_classes(self, bench: ModelBench) -> None:
        """It runs for several numbers of classes, and the number decides the shape of some weights."""
        shapes = []
        for classes in self.class_counts:
            model = bench.build(classes)
            _assert_rows(bench.outputs(model, bench.images(2)), 2)
            shapes.append(sorted(tuple(weight.shape) for weight in model.state_dict().values()))
        same = [pair for pair in zip(self.class_counts, self.class_counts[1:], strict=False) if shapes[0] == shapes[1]]
        assert not same, f"the weights for {same[0]} classes have the same shapes: use context.num_classes"

    def test_gradients_reach_every_weight(self, bench: ModelBench) -> None:
        """The loss of the use case is finite, and each weight that can be trained has a finite gradient."""
        import math

        import torch

        self.need("supports_training")
        model, losses = bench.learnt
        assert all(map(math.isfinite, losses)), f"losses are {losses}"
        gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}
        assert gradients, "there is no weight that can be trained"
        unused = [name for name, gradient in gradients.items() if gradient is None]
        assert not unused, f"weights that take no part in learning: {', '.join(unused)}"
        found = {name: gradient for name, gradient in gradients.items() if gradient is not None}
        wild = [name for name, gradient in found.items() if not bool(torch.isfinite(gradient).all())]
        assert not wild, f"gradients that are not finite: {', '.join(wild)}"
        assert any(bool(gradient.any()) for gradient in found.values()), "all gradients are 0"

    def test_the_use_case_reads_its_outputs(self, bench: ModelBench) -> None:
        """Metrics and loss on validation images are numbers, and predictions can be written as JSON."""
        import json
        import math

        from zoo_core.data.loader import eval_loader
        from zoo_core.protocols import VALIDATION, GatheringDecoder
        from zoo_core.training.validation import validate

        self.need("supports_training")
        context, model = bench.context, bench.learnt[0]
        task, images = context.task, context.dataset(VALIDATION)
        loader = eval_loader(images, task.preprocessing, task.collate_targets, 4)
        measured = validate(model, task.criterion(), loader, task)
        assert task.monitor().name in measured.by_name
        assert math.isfinite(measured.by_name["loss"].value)
        decoder = task.decoder()
        if not isinstance(decoder, GatheringDecoder):
            size = (bench.input.width, bench.input.height)
            records = decoder.decode(bench.outputs(model, bench.images(2)), [size] * 2)
            assert len(records) == 2
            json.dumps(records)

    def test_same_seed_gives_same_weights(self, bench: ModelBench) -> None:
        """Two networks built after the same seed are equal: new weights come from torch's global generator only."""
        import torch

        one, other = bench.build().state_dict(), bench.build().state_dict()
        assert list(one) == list(other)
        differing = [name for name in one if not torch.equal(one[name], other[name])]
        assert not differing, f"weights that differ after the same seed: {', '.join(differing)}"

    def test_weights_survive_saving(self, bench: ModelBench) -> None:
        """A network that is built anew and gets the saved weights computes the same."""
        import numpy as np

        from zoo_core.artifacts import Checkpoint, hash_file
        from zoo_core.training.checkpoint import save_weights

        model = bench.learnt[0] if self.supports_training else bench.build().eval()
        path = bench.folder / CHECKPOINT
        save_weights(path, model, bench.context.description())
        loaded = bench.context.load_model(Checkpoint(path=path, sha256=hash_file(path), made_by="conformance"))
        for wanted, found in zip(
            bench.outputs(model, bench.images(2)), bench.outputs(loaded, bench.images(2)), strict=True
        ):
            assert np.array_equal(found, wanted), "the network computes something else after its weights were loaded"

    def test_onnx_computes_what_torch_computes(self, bench: ModelBench) -> None:
        """The exported file gives torch's outputs for one image and for several."""
        import numpy as np

        from zoo_core.testing.tiny_onnx import run_onnx

        self.need("supports_training")
        self.need("supports_export")
        for count in (1, 3):
            images = bench.images(count)
            wanted = bench.outputs(bench.learnt[0], images)
            found = run_onnx(bench.onnx, images.numpy())
            assert [output.shape for output in found] == [output.shape for output in wanted]
            for one, other in zip(found, wanted, strict=True):
                difference = float(np.abs(one - other).max())
                assert difference <= EXPORT_TOLERANCE * float(np.abs(other).max()) + 1e-6

    def test_int8_resembles_float(self, bench: ModelBench) -> None:
        """The built-in quantizer makes a valid model of it whose outputs go with those of the float model."""
        import numpy as np
        import onnx

        from zoo_core.testing.tiny_onnx import run_onnx

        self.need("supports_training")
        self.need("supports_export")
        self.need("supports_quantization")
        model = onnx.load(str(bench.int8))
        onnx.checker.check_model(model)
        operators = {node.op_type for node in model.graph.node}
        assert {"QuantizeLinear", "DequantizeLinear"} <= operators, f"nothing is quantized: {sorted(operators)}"
        images = bench.images(3).numpy()
        wanted, found = run_onnx(bench.onnx, images), run_onnx(bench.int8, images)
        assert [output.shape for output in found] == [output.shape for output in wanted]
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert np.isfinite(one).all()
            size = float(np.sqrt(np.mean(np.square(other))))
            if float(other.std()) > VARIES * size:
                likeness = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
                text = f"output {place} correlates by {likeness:.2f} with the float model's"
                assert likeness > INT8_CORRELATION, f"{text}; set supports_quantization = False if that is expected"
            else:
                assert float(np.sqrt(np.mean(np.square(one - other)))) <= INT8_ERROR * size

    def test_other_input_size(self, bench: ModelBench) -> None:
        """It can be built for larger images."""
        self.need("supports_other_sizes")
        larger = small_input(bench.input, larger=1)
        _assert_rows([*_plain(bench.build(size=larger), bench.images(2, larger))], 2)

    def test_unknown_key_is_refused(self, bench: ModelBench) -> None:
        """A misspelt key of the `model` section is named, with the place where it stands."""
        from zoo_core.errors import ConfigError

        with pytest.raises(ConfigError, match=UNKNOWN_KEY):
            bench.open(**{UNKNOWN_KEY: 1})


def _plain(model: Any, images: Any) -> list[Any]:
    import torch

    from zoo_core.export.outputs import flatten_outputs

    with torch.no_grad():
        return [output.numpy() for output in flatten_outputs(model.eval()(images))]


def _assert_rows(outputs: list[Any], images: int) -> None:
    import numpy as np

    assert outputs, "there are no outputs"
    shapes = [output.shape for output in outputs]
    assert all(shape[:1] == (images,) for shape in shapes), f"{images} images give outputs of the shapes {shapes}"
    assert all(np.isfinite(output).all() for output in outputs), "outputs are not finite"
