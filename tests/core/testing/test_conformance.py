"""What core brings passes the checks that plugin authors run."""

import pytest

from zoo_core.inference.host import HostTarget
from zoo_core.testing.conformance import PluginConformance, QuantizerConformance, TargetConformance, TrackerConformance


class TestPlugin(PluginConformance):
    distribution = "zoo-core"


class TestQuantizer(QuantizerConformance):
    quantizer = "onnx_quantizer"


class TestQuantizerPerTensor(QuantizerConformance):
    quantizer = "onnx_quantizer"
    quantization = {"granularity": "per_tensor", "optimize": True}  # noqa: RUF012


class TestHost(TargetConformance):
    target = "host"

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls) -> HostTarget:
        return HostTarget(threads=1, seconds=0.1)  # as built, but for the time it measures


class TestTensorBoard(TrackerConformance):
    tracker = "tensorboard"
    sections = {"training": {"log_tb": True}}  # noqa: RUF012
    supports_always = True


class TestMlflow(TrackerConformance):
    tracker = "mlflow"
    sections = {"mlflow": {"uri": "records"}}  # noqa: RUF012
    needs_server = True


class TestClearml(TrackerConformance):
    tracker = "clearml"
    environment = {"CLEARML_OFFLINE_MODE": "1"}  # noqa: RUF012
    needs_server = True


class TestWandb(TrackerConformance):
    tracker = "wandb"
    sections = {"training": {"log_wandb": True}}  # noqa: RUF012
    environment = {"WANDB_MODE": "offline"}  # noqa: RUF012
    needs_server = True
