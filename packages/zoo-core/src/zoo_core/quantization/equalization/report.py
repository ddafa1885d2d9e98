"""Own the account of what equalization did to a graph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualizationReport:
    """Count what was changed and state how well the function was kept."""

    batch_norms: int = 0
    """Batch norms that were folded or written as convolutions."""
    dead_channels: int = 0
    """Output channels whose weights added nothing to their bias and are zero now."""
    layers: int = 0
    """Convolutions and matrix products whose weights took part in cross-layer equalization."""
    channels: int = 0
    """Groups of channels, each scaled by one factor, whose factor is not 1."""
    shifted_channels: int = 0
    """Channels whose constant part was moved into the bias of the layers behind."""
    split_layers: int = 0
    """Layers written as several, each with a range of its own."""
    parity: float = 0.0
    """Largest difference of an output on calibration images, as a share of its largest magnitude."""
    notes: tuple[str, ...] = ()
    """Steps that were undone, and why."""
