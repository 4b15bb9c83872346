"""One kernel for all rows: where its bounds lie, and that a kernel which is wrong is not used.

No CPU has the kernel; plain attention over each span stands for it here.
"""

from __future__ import annotations

import pytest
import torch

from medadapt.models.lora import adapter_tensors
from medadapt.models.packed import varlen
from medadapt.models.packed.decoder import packed_decoder
from medadapt.models.packed.heads import Heads
from medadapt.models.packed.rows import Branch, pack_branches, pack_rows
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from models.packed.test_decoder import build
from tiny import random_rows
from training.test_gradients import adapted, largest_error, peft_gradients

HEADS = Heads(query=4, key=2, width=8, scale=8**-0.5)
CPU = torch.device("cpu")


def each_span(queries, keys, values, spans):
    """Causal attention written out over each span, heads repeated for the queries that share them."""
    per = queries.shape[1] // keys.shape[1]
    found = []
    for first, end in zip(spans.bounds[:-1].tolist(), spans.bounds[1:].tolist(), strict=True):
        query, key, value = (one[first:end].transpose(0, 1) for one in (queries, keys, values))
        scores = query @ key.repeat_interleave(per, 0).transpose(1, 2) * spans.heads.scale
        later = torch.ones(end - first, end - first, dtype=torch.bool).triu(1)
        found.append(
            (scores.masked_fill(later, -torch.inf).softmax(-1) @ value.repeat_interleave(per, 0)).transpose(
                0, 1
            )
        )
    return torch.cat(found)


def one_span(queries, keys, values, spans):
    """A kernel that takes no notice of the bounds: every row sees those before it."""
    everything = torch.tensor([0, len(queries)], dtype=torch.int32)
    return each_span(
        queries, keys, values, varlen.Spans(heads=spans.heads, bounds=everything, longest=len(queries))
    )


def detached(queries, keys, values, spans):
    """Right outputs, gradients of another function."""
    return each_span(queries, keys, values, spans).detach() + 0 * queries


def missing(*_):
    raise NotImplementedError("no such kernel")


@pytest.mark.parametrize("name", ["llama", "qwen3"])
@pytest.mark.parametrize("recompute", [False, True])
def test_rows_in_spans_give_the_gradient_of_plain_peft(name, recompute, monkeypatch):
    monkeypatch.setattr(varlen, "has_kernel", lambda *_: True)
    monkeypatch.setattr(varlen, "_kernel", each_span)
    rows = random_rows(9)
    model = adapted(build(name), torch.float64)
    packed = packed_decoder(model)
    accumulate_gradient(
        model,
        rows,
        memory=MemoryPlan(micro_tokens=200, checkpointing=recompute),
        step=1,
        seed=0,
        packed=packed,
    )
    ours = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    assert (
        largest_error(ours, peft_gradients(build(name), torch.float64, rows, adapter_tensors(model))) <= 1e-10
    )


@pytest.mark.parametrize(
    ("lengths", "bounds"),
    [
        ([3, 1, 2], [0, 3, 4, *range(6, 32, 3), 32]),
        ([2, 20], [0, 2, 22, 32]),
        ([31], [0, 31, 32]),
        ([12, 20], [0, 12, 32]),
    ],
)
def test_what_lies_behind_the_rows_is_cut_no_shorter_than_the_longest_row(lengths, bounds, monkeypatch):
    monkeypatch.setattr(varlen, "has_kernel", lambda *_: True)
    rows = pack_rows([[7] * length for length in lengths])
    assert rows.num_tokens == 32
    spans = varlen.spans_of(rows, HEADS, CPU, torch.bfloat16)
    assert spans.bounds.tolist() == bounds
    assert spans.bounds.dtype == torch.int32
    assert spans.longest == max(lengths)


@pytest.mark.parametrize(
    "rows",
    [
        pack_rows([[1, 2, 3], [1, 2, 4]], shared=2),
        pack_branches([Branch(tokens=[1, 2]), Branch(tokens=[3], start=2, after=(0,))]),
    ],
)
def test_rows_that_see_others_stay_in_blocks(rows, monkeypatch):
    monkeypatch.setattr(varlen, "has_kernel", lambda *_: True)
    assert varlen.spans_of(rows, HEADS, CPU, torch.bfloat16) is None


@pytest.mark.parametrize("heads", [HEADS, Heads(query=3, key=3, width=16, scale=0.25)])
@pytest.mark.parametrize(
    ("kernel", "right"), [(each_span, True), (one_span, False), (detached, False), (missing, False)]
)
def test_a_kernel_that_leaks_or_fails_is_found_out(heads, kernel, right, monkeypatch):
    monkeypatch.setattr(varlen, "_kernel", kernel)
    assert varlen.is_right(heads, CPU, torch.bfloat16) is right


def test_the_kernel_is_also_tried_where_somebody_reads_without_gradients(monkeypatch):
    monkeypatch.setattr(varlen, "_kernel", each_span)
    with torch.no_grad():
        assert varlen.is_right(HEADS, CPU, torch.bfloat16)


def test_a_trial_that_finds_no_memory_says_nothing_about_the_kernel(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(varlen, "_kernel", full)
    with pytest.raises(torch.OutOfMemoryError):
        varlen.is_right(HEADS, CPU, torch.bfloat16)


def test_a_model_whose_kernel_is_right_gets_its_decoder(monkeypatch):
    tried = []

    def is_right(*of):
        tried.append(varlen.is_right(*of))
        return tried[-1]

    monkeypatch.setattr(varlen, "has_kernel", is_right)
    monkeypatch.setattr(varlen, "_kernel", each_span)
    # Its decoder is compared with its own modules, which needs no gradients.
    assert packed_decoder(build("llama")(dtype=torch.bfloat16).requires_grad_(False)) is not None
    assert tried
    assert all(tried)


def test_torchs_own_kernel_is_not_there_on_a_cpu():
    assert not varlen.is_right(HEADS, CPU, torch.bfloat16)
    assert varlen.spans_of(pack_rows([[1, 2]]), HEADS, CPU, torch.bfloat16) is None
