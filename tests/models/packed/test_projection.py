"""Trained matrices where the stacked products find them."""

from __future__ import annotations

import torch

from medadapt.models.packed import projection
from medadapt.models.packed.decoder import packed_decoder
from models.packed.test_decoder import build
from training.test_gradients import adapted


def test_blocks_of_wider_rows_are_not_copied_in_one_call_with_whole_ones(monkeypatch):
    """A GPU copies tensors together only where each has the strides of its source."""
    model = adapted(build("llama"), torch.float32)
    projections = [one for layer in packed_decoder(model).layers for one in layer.projections]
    for one in projections:
        for block in one.copies:
            block.zero_()
    copy, calls = torch._foreach_copy_, []

    def watched(targets, sources):
        calls.append({target.is_contiguous() for target in targets})
        return copy(targets, sources)

    monkeypatch.setattr(torch, "_foreach_copy_", watched)
    projection.refresh(projections)
    assert calls == [{True}, {False}]
    for one in projections:
        for block, trained in zip(one.copies, one.parameters, strict=True):
            assert torch.equal(block, trained)
