"""How likely a model finds the reference answers, token by token and exactly.

Rows are padded on the right and need no attention mask, because a causal model never looks ahead; the
vocabulary head runs only where a token is wanted, in pieces. Its logits are in the model's number format, as the
model's own are: in 16 bits two choices that are nearly as likely can come out equal. What is summed of them is summed
in fp32. The result does not depend on how rows are batched (beyond rounding).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.models.continuing import continued_hidden
from medadapt.models.forward import final_hidden, text_config
from medadapt.models.loading import LoadedBase
from medadapt.models.packed.decoder import fits_window, packed_decoder
from medadapt.models.sizes import rounded_up
from medadapt.models.vocabulary import log_mass, piece_width, vocabulary_pieces
from medadapt.predictions.batching import TokenBudget, in_batches, right_padded
from medadapt.predictions.packed_reading import packed_row_states
from medadapt.predictions.questions import Question
from medadapt.predictions.shared_prefix import SharedPrefix

LOGITS_AT_ONCE = 1 << 22
"""Logits in memory at a time: 8 MB in 16 bits, whatever the vocabulary; more are no faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """What one forward pass over prompt and reference answer tells."""

    nll: float
    """Summed negative log-likelihood of the reference tokens, in nats."""
    scores: dict[str, float] | None
    """Log-likelihoods of the choices where each is one token, else None."""


def reference_likelihoods(
    model: LoadedBase, questions: Sequence[Question], *, budget: TokenBudget, advance: Callable[[int], None]
) -> list[Likelihood]:
    """Likelihood of each reference answer, and of choices that are one token long, in the order given."""
    found: list[Likelihood | None] = [None] * len(questions)
    shared = SharedPrefix(model)

    def work(batch: list[int]) -> None:
        rows = [_row(questions[index]) for index in batch]
        wanted = [_wanted(questions[index]) for index in batch]
        for index, logprobs in zip(batch, _row_logprobs(model, rows, wanted, shared), strict=True):
            found[index] = _likelihood(questions[index], logprobs)

    in_batches([len(_row(question)) for question in questions], budget, work, advance)
    return [likelihood for likelihood in found if likelihood is not None]


def token_logprobs(model: nn.Module, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
    """Log-probability, as fp32, of one target token after each hidden state: (N, H), (N,) -> (N,)."""
    return picked_logprobs(model, hidden_NH, torch.arange(len(hidden_NH), device=hidden_NH.device), targets_N)


def picked_logprobs(model: nn.Module, hidden_NH: Tensor, rows_S: Tensor, tokens_S: Tensor) -> Tensor:
    """Log-probability, as fp32, of some tokens after some hidden states: (N, H), (S,), (S,) -> (S,).

    `rows_S` are places in `hidden_NH` in ascending order, as often as tokens are asked after them: the head reads
    each hidden state once.
    """
    if len(rows_S) == 0:
        return hidden_NH.new_zeros(0, dtype=torch.float32)
    at_once = max(1, LOGITS_AT_ONCE // (piece_width(model) or int(text_config(model).vocab_size)))
    starts = range(0, len(hidden_NH), at_once)
    bounds = torch.searchsorted(
        rows_S, torch.tensor([*starts, len(hidden_NH)], device=rows_S.device)
    ).tolist()
    return torch.cat(
        [
            _picked(model, hidden_NH[start : start + at_once], rows_S[first:end] - start, tokens_S[first:end])
            for start, first, end in zip(starts, bounds, bounds[1:], strict=False)
        ]
    )


def _picked(model: nn.Module, hidden_NH: Tensor, rows_S: Tensor, tokens_S: Tensor) -> Tensor:
    picked_S = hidden_NH.new_zeros(len(rows_S), dtype=torch.float32)
    # One of few numbers of states (models/sizes.py); nothing is asked after those of padding.
    padding = rounded_up(len(hidden_NH), least=32) - len(hidden_NH)
    hidden_NH = functional.pad(hidden_NH, (0, 0, 0, padding))
    masses = []
    for start, logits_NW in vocabulary_pieces(model, hidden_NH):
        inside = (tokens_S >= start) & (tokens_S < start + logits_NW.shape[1])
        picked_S[inside] = logits_NW[rows_S[inside], tokens_S[inside] - start].to(picked_S)
        masses.append(log_mass(logits_NW))
    return (picked_S - torch.stack(masses).logsumexp(0)[rows_S]).float()


def _row(question: Question) -> list[int]:
    # The last reference token is only a target: nothing is asked after it.
    return [*question.prompt.tokens, *question.reference.tokens[:-1]]


def _wanted(question: Question) -> list[tuple[int, int]]:
    """Pairs (position, token) whose log-probability is asked: one-token choices', then the reference's."""
    start = len(question.prompt.tokens) - 1
    choices = question.choices.values() if question.single_token and question.choices else ()
    wanted = [(start, tokens[0]) for tokens in choices]
    return wanted + [(start + offset, token) for offset, token in enumerate(question.reference.tokens)]


def _row_logprobs(
    model: LoadedBase,
    rows: Sequence[list[int]],
    wanted: Sequence[list[tuple[int, int]]],
    shared: SharedPrefix,
) -> list[list[float]]:
    """Of each row the log-probabilities of its pairs (position, token), whose positions ascend or repeat."""
    pairs = [(row, position, token) for row, some in enumerate(wanted) for position, token in some]
    states = {state: place for place, state in enumerate(dict.fromkeys(pair[:2] for pair in pairs))}
    packed = packed_decoder(model.model)
    if packed is not None and fits_window(packed, max(map(len, rows))):
        hidden_NH = packed_row_states(packed, rows, [*states])
    else:
        hidden_NH = _padded_row_states(model, rows, [*states], shared)
    asked = [(states[row, position], token) for row, position, token in pairs]
    state_S, token_S = torch.tensor(asked, device=hidden_NH.device).T.contiguous()
    logprobs = iter(picked_logprobs(model.model, hidden_NH, state_S, token_S).tolist())
    return [[next(logprobs) for _ in some] for some in wanted]


def _padded_row_states(
    model: LoadedBase, rows: Sequence[list[int]], wanted: Sequence[tuple[int, int]], shared: SharedPrefix
) -> Tensor:
    """Hidden states (N, H) at N places (row, position)."""
    kept = shared.cache(rows, most=min(position for _, position in wanted))
    read = kept.get_seq_length()
    tokens_BT = right_padded([row[read:] for row in rows], model.device)
    hidden_BTH = (
        continued_hidden(model.model, tokens_BT, kept) if read else final_hidden(model.model, tokens_BT)
    )
    row_N, position_N = torch.tensor([*wanted], device=hidden_BTH.device).unbind(1)
    return hidden_BTH[row_N, position_N - read]


def _likelihood(question: Question, logprobs: list[float]) -> Likelihood:
    choices = len(logprobs) - len(question.reference.tokens)
    scores = None
    if question.single_token and question.choices is not None:
        scores = dict(zip(question.choices, logprobs[:choices], strict=True))
    return Likelihood(nll=-math.fsum(logprobs[choices:]), scores=scores)
