"""Own the figures that ST's tools report, in one typed form whatever tool and version they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo_core.results import MetricValue


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """Describe one node of the network as a tool reports it."""

    name: str
    op_type: str = ""
    macs: int | None = None
    weight_bytes: int | None = None
    activation_bytes: int | None = None
    share: float | None = None
    """Share of the inference time, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReport:
    """Report the footprint of a network and, where it ran on a board, its time. Bytes; None is not reported."""

    engine: str
    """`ST Edge AI Core` or `ST Edge AI Developer Cloud`."""
    version: str
    """Version of the tool, as the tool itself states it."""
    activations: int | None = None
    weights: int | None = None
    library_ram: int | None = None
    """RAM of the runtime library: kernels, extra, tool chain."""
    library_flash: int | None = None
    macs: int | None = None
    internal_ram: int | None = None
    external_ram: int | None = None
    internal_flash: int | None = None
    external_flash: int | None = None
    cycles: int | None = None
    duration_ms: float | None = None
    device: str = ""
    cycles_by_mac: float | None = None
    npu_share: float | None = None
    """Share of the inference on the NPU, 0 to 1; GPU and CPU likewise."""
    gpu_share: float | None = None
    cpu_share: float | None = None
    model_bytes: int | None = None
    peak_ram: int | None = None
    layers: tuple[LayerReport, ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)

    def metrics(self) -> tuple[MetricValue, ...]:
        """Return what is reported as metrics, in the order in which users read them."""
        found: list[tuple[str, float | None, str]] = [
            ("total_ram", _total(self.activations, self.library_ram), "bytes"),
            ("ram_activations", self.activations, "bytes"),
            ("ram_runtime", self.library_ram, "bytes"),
            ("total_flash", _total(self.weights, self.library_flash), "bytes"),
            ("flash_weights", self.weights, "bytes"),
            ("flash_code", self.library_flash, "bytes"),
            ("macs", self.macs, ""),
            ("internal_flash", self.internal_flash, "bytes"),
            ("external_flash", self.external_flash, "bytes"),
            ("internal_ram", self.internal_ram, "bytes"),
            ("external_ram", self.external_ram, "bytes"),
            ("model_size", self.model_bytes, "bytes"),
            ("peak_memory", self.peak_ram, "bytes"),
            ("cycles", self.cycles, ""),
            ("inference_time", self.duration_ms, "ms"),
            ("npu_usage", _percent(self.npu_share), "%"),
            ("gpu_usage", _percent(self.gpu_share), "%"),
            ("cpu_usage", _percent(self.cpu_share), "%"),
        ]
        return tuple(
            MetricValue(name=name, value=float(value), unit=unit, higher_is_better=False)
            for name, value, unit in found
            if value is not None
        )


def _total(part: int | None, other: int | None) -> int | None:
    return None if part is None or other is None else part + other


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share
