"""Cells: hand-computed places and boxes, and that encoding undoes decoding."""

import pytest
import torch

from zoo_core.networks.st_yolod_cells import Cells


def test_cells_come_level_by_level_and_row_by_row():
    cells = Cells.of((16, 32), (8, 16))
    assert cells.places.tolist() == [
        *([column, row] for row in (0, 1) for column in (0, 1, 2, 3)),
        [0, 0],
        [1, 0],
    ]
    assert cells.strides[:, 0].tolist() == [8] * 8 + [16] * 2
    assert cells.centres[5].tolist() == [12, 12]
    assert cells.centres[9].tolist() == [24, 8]


def test_box_is_decoded_as_by_hand():
    """Cell (1, 0) of stride 16: centre ((1 + 0.25) * 16, (0 + 0.5) * 16) = (20, 8), size (2 * 16, 0.5 * 16)."""
    cells = Cells.of((16, 32), (16,))
    raw = torch.tensor([[0.0, 0, 0, 0], [0.25, 0.5, 2, 0.5]])
    raw[1, 2:] = raw[1, 2:].log()
    assert cells.decode(raw)[1].tolist() == pytest.approx([4, 4, 36, 12], abs=1e-5)
    assert cells.decode(raw)[0].tolist() == [-8, -8, 8, 8]


def test_encoding_undoes_decoding():
    cells = Cells.of((64, 96), (8, 16, 32))
    raw = torch.randn(3, len(cells), 4)
    assert torch.allclose(cells.encode(cells.decode(raw)), raw, atol=1e-3)


def test_wild_and_empty_boxes_stay_finite():
    cells = Cells.of((32, 32), (32,))
    assert cells.decode(torch.full((1, 4), 6e4)).isfinite().all()
    assert cells.encode(torch.tensor([[5.0, 5, 5, 5]])).isfinite().all()
