"""Dropout masks as windows of one pool."""

from __future__ import annotations

import pytest
import torch

from medadapt.models.packed.dropout import draw_pool

ROWS, WIDTH = 300, 64
PLACES = range(160)


def pool(*, share: float = 0.1, seed: int = 5):
    return draw_pool(
        share=share, seed=seed, largest=ROWS * WIDTH, dtype=torch.float32, device=torch.device("cpu")
    )


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_every_window_has_its_share(share):
    masks = pool(share=share)
    error = 5 * (share * (1 - share) / (ROWS * WIDTH)) ** 0.5
    for place in PLACES:
        assert float(1 - masks.window(place, ROWS, WIDTH).mean()) == pytest.approx(share, abs=error)


def test_no_two_layers_have_the_same_mask_and_none_is_like_another():
    masks = pool(share=0.5)
    windows = torch.stack([masks.window(place, ROWS, WIDTH).flatten() - 0.5 for place in PLACES])
    likeness = (windows @ windows.T / (0.25 * ROWS * WIDTH)).fill_diagonal_(0)
    assert float(likeness.abs().max()) < 6 / (ROWS * WIDTH) ** 0.5


def test_a_pool_depends_on_its_number_alone():
    assert torch.equal(pool().ones, pool().ones)
    assert not torch.equal(pool().ones, pool(seed=6).ones)
