"""Many answers at once are those of one at a time, whenever requests come and go."""

from __future__ import annotations

import random

import pytest
import torch

from medadapt.predictions import growing_cache
from medadapt.predictions.growing_cache import GrowingLayer
from medadapt.serving.choosing import OverflowedError
from medadapt.serving.continuous_batching import batch as batch_module
from medadapt.serving.continuous_batching.batch import Batch
from medadapt.serving.continuous_batching.one_by_one import Turns
from medadapt.serving.continuous_batching.requests import Request, Written
from medadapt.serving.sampling import Sampling
from serving.test_writing import FAMILIES, OVERFLOWS, PROMPTS, overflowing_base, tuned_base, written


class Heard:
    """A request, and all that it was told."""

    def __init__(self, prompt, *, most=12, closing=(), sampling=None):
        self.told: list[Written] = []
        self.request = Request(
            model="tuned",
            prompt=tuple(prompt),
            max_new_tokens=most,
            closing_ids=frozenset(closing),
            sampling=sampling or Sampling(),
            tell=self.told.append,
        )

    @property
    def tokens(self):
        return [step.token for step in self.told if step.token is not None]

    @property
    def ended(self):
        return self.told[-1].ended if self.told else None


def prompts(count, *, longest=40, seed=0):
    draw = random.Random(seed)
    return [[draw.randrange(3, 97) for _ in range(draw.randrange(1, longest))] for _ in range(count)]


def run(batch, arrivals, *, steps=200):
    """Add each request at its step, and go on until all are answered."""
    for step in range(steps):
        for request in arrivals.pop(step, ()):
            batch.add(request)
        if not arrivals and not len(batch):
            return
        batch.advance()
    raise AssertionError("not answered")


@pytest.mark.parametrize("kind", [Batch, Turns])
@pytest.mark.parametrize("family", FAMILIES)
def test_requests_that_come_and_go_get_the_answer_of_one_alone(family, kind):
    base = tuned_base(family)
    heard = [Heard(prompt, most=3 + 5 * (number % 4)) for number, prompt in enumerate(prompts(9))]
    alone = [written(base, one.request.prompt, most=one.request.max_new_tokens) for one in heard]
    run(
        kind(base),
        {
            0: [heard[0].request],
            2: [one.request for one in heard[1:5]],
            9: [one.request for one in heard[5:]],
        },
    )
    assert [one.tokens for one in heard] == alone
    assert {one.ended for one in heard} == {"length"}


def test_rows_outgrow_their_memory_and_longer_ones_join(monkeypatch):
    monkeypatch.setattr(growing_cache, "MORE_ROOM", 3)
    monkeypatch.setattr(batch_module, "MORE_ROOM", 3)
    base = tuned_base("llama")
    heard = [Heard(prompt, most=20) for prompt in ([5, 6], [7] * 30, [8, 9, 10], [11] * 50, [12])]
    alone = [written(base, one.request.prompt, most=20) for one in heard]
    run(Batch(base), {3 * number: [one.request] for number, one in enumerate(heard)})
    assert [one.tokens for one in heard] == alone


@pytest.mark.parametrize("family", ["gpt2", "opt", "biogpt", "llama"])
def test_a_prompt_that_fills_the_context_is_not_padded_beyond_it(family, monkeypatch):
    monkeypatch.setattr(batch_module, "READ_AT_ONCE", 64)
    base = tuned_base(family)
    assert base.context_length is not None
    heard = Heard([5 + place % 60 for place in range(base.context_length - 2)], most=2)
    alone = written(base, heard.request.prompt, most=2)
    run(Batch(base), {0: [heard.request]})
    assert heard.tokens == alone


def test_few_shapes_are_computed():
    """Each new one costs a CPU time and memory, so a server that meets ever new ones grows."""
    base = tuned_base("llama")
    sizes = set()
    base.model.model.layers[0].mlp.register_forward_pre_hook(
        lambda _, given: sizes.add(given[0].shape[0] * given[0].shape[1])
    )
    heard = [Heard(prompt, most=1 + number % 7) for number, prompt in enumerate(prompts(60, longest=90))]
    run(Batch(base), {3 * number: [one.request] for number, one in enumerate(heard)})
    assert all(size <= 2 or size % 4 == 0 for size in sizes)


def test_memory_that_was_never_written_is_never_read(monkeypatch):
    """A place that a row has left holds whatever was there: here, nothing that is a number."""
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(
        torch.Tensor, "new_empty", lambda self, *shape, **more: empty(self, *shape, **more).fill_(torch.nan)
    )
    base = tuned_base("llama")
    heard = [Heard([5] * 20, most=2), Heard([6] * 25, most=30), Heard([7], most=8), Heard([8] * 60, most=3)]
    alone = [written(base, one.request.prompt, most=one.request.max_new_tokens) for one in heard]
    run(Batch(base), {0: [one.request for one in heard[:2]], 6: [heard[2].request], 9: [heard[3].request]})
    assert [one.tokens for one in heard] == alone


def test_a_long_prompt_is_read_in_pieces_while_others_are_answered(monkeypatch):
    monkeypatch.setattr(batch_module, "READ_AT_ONCE", 8)
    base = tuned_base("llama")
    short, long = Heard([5, 6, 7], most=30), Heard(list(range(3, 70)), most=5)
    alone = [written(base, one.request.prompt, most=one.request.max_new_tokens) for one in (short, long)]
    batch = Batch(base)
    batch.add(short.request)
    batch.advance()
    batch.add(long.request)
    for _ in range(4):
        batch.advance()
    assert not long.tokens
    assert len(short.tokens) == 5
    run(batch, {})
    assert [short.tokens, long.tokens] == alone


def test_short_prompts_do_not_wait_for_long_ones(monkeypatch):
    monkeypatch.setattr(batch_module, "READ_AT_ONCE", 8)
    base = tuned_base("llama")
    long, next_long = Heard(list(range(3, 83)), most=5), Heard(list(range(13, 93)), most=5)
    short = Heard([5, 6, 7], most=5)
    alone = [written(base, one.request.prompt, most=5) for one in (long, next_long, short)]
    batch = Batch(base)
    batch.add(long.request)
    batch.add(next_long.request)
    batch.advance()
    batch.add(short.request)
    batch.advance()
    assert [len(one.tokens) for one in (long, next_long, short)] == [0, 0, 1]
    run(batch, {})
    assert [one.tokens for one in (long, next_long, short)] == alone


@pytest.mark.parametrize("prompt", [[5, 6], list(range(5, 40)) * 20], ids=["short", "long"])
def test_a_prompt_whose_reading_fails_takes_nothing_from_a_row_that_is_being_written(prompt, monkeypatch):
    base = tuned_base("llama")
    stays, fails = Heard(PROMPTS[0]), Heard(prompt)
    batch = Batch(base)
    batch.add(stays.request)
    batch.advance()
    batch.add(fails.request)
    with monkeypatch.context() as broken:
        broken.setattr(Batch, "_read_tokens", no_memory)
        batch.advance()
    assert [str(step.failed) for step in fails.told] == ["out of memory"]
    run(batch, {})
    assert stays.tokens == written(base, PROMPTS[0], most=12)


def test_memory_that_runs_out_for_a_joining_row_takes_nothing_from_one_that_is_being_written(monkeypatch):
    base = tuned_base("llama")
    stays, fails = Heard(PROMPTS[0]), Heard(list(range(5, 40)) * 20)
    batch, move, moved = Batch(base), GrowingLayer._move, []

    def no_memory_for_the_second_layer(layer, *sizes, **more):
        moved.append(layer)
        return no_memory() if len(moved) == 2 else move(layer, *sizes, **more)

    batch.add(stays.request)
    batch.advance()
    batch.add(fails.request)
    with monkeypatch.context() as full:
        full.setattr(GrowingLayer, "_move", no_memory_for_the_second_layer)
        for _ in range(4):
            batch.advance()
    assert [str(step.failed) for step in fails.told] == ["out of memory"]
    run(batch, {})
    assert stays.tokens == written(base, PROMPTS[0], most=12)


def no_memory(*_, **__):
    raise RuntimeError("out of memory")


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=0)])
@pytest.mark.parametrize("kind", [Batch, Turns])
def test_a_row_without_numbers_ends_and_its_neighbour_is_answered_as_alone(kind, sampling):
    base = overflowing_base()
    fails, stays = Heard([5, OVERFLOWS, 6], sampling=sampling), Heard(PROMPTS[1])
    run(kind(base), {0: [fails.request, stays.request]})
    assert [type(step.failed) for step in fails.told] == [OverflowedError]
    assert stays.tokens == written(base, PROMPTS[1], most=12)


def test_a_place_that_a_row_without_numbers_has_left_is_as_good_as_any():
    base = overflowing_base()
    fails, goes = Heard([OVERFLOWS, *[5] * 29]), Heard([8] * 4, most=1)
    stays, takes_its_place, longer = Heard([7] * 10, most=20), Heard([9, 10, 11]), Heard([11] * 25)
    run(
        Batch(base),
        {
            0: [stays.request, fails.request, goes.request],
            2: [takes_its_place.request],
            4: [longer.request],
        },
    )
    for heard in (stays, takes_its_place, longer):
        assert heard.tokens == written(base, heard.request.prompt, most=heard.request.max_new_tokens)


@pytest.mark.parametrize("kind", [Batch, Turns])
def test_draws_are_those_of_a_request_alone(kind):
    base = tuned_base("llama")
    ways = [
        Sampling(temperature=0.8, seed=3),
        Sampling(),
        Sampling(temperature=1.2, top_k=7, seed=4),
        Sampling(repetition_penalty=1.4),
    ]
    heard = [Heard(prompt, sampling=way) for prompt, way in zip(prompts(4), ways, strict=True)]
    alone = [written(base, one.request.prompt, one.request.sampling, most=12) for one in heard]
    run(kind(base), {0: [heard[0].request], 1: [one.request for one in heard[1:]]})
    assert [one.tokens for one in heard] == alone


@pytest.mark.parametrize("kind", [Batch, Turns])
def test_the_closing_token_ends_an_answer_and_is_not_told(kind):
    base = tuned_base("llama")
    free = written(base, [5, 17, 33], most=12)
    closing = next(token for token in free[3:] if token not in free[:3])
    heard = Heard([5, 17, 33], closing={closing})
    run(kind(base), {0: [heard.request]})
    assert heard.tokens == free[: free.index(closing)]
    assert heard.ended == "finished"


@pytest.mark.parametrize("kind", [Batch, Turns])
def test_a_cancelled_request_leaves_at_once_and_the_others_stay(kind):
    base = tuned_base("llama")
    stays, goes = Heard([5, 17, 33], most=12), Heard([9, 60], most=100)
    batch = kind(base)
    batch.add(stays.request)
    batch.add(goes.request)
    for _ in range(3):
        batch.advance()
    goes.request.cancel()
    batch.advance()
    assert goes.ended == "cancelled"
    assert len(batch) == 1
    run(batch, {})
    assert stays.tokens == written(base, [5, 17, 33], most=12)


def test_a_cancelled_prompt_is_not_read():
    waits = Heard([5, 6])
    batch = Batch(tuned_base("llama"))
    batch.add(waits.request)
    waits.request.cancel()
    batch.advance()
    assert [step.ended for step in waits.told] == ["cancelled"]
    assert not len(batch)
