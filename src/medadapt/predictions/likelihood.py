"""How likely a model finds the reference answers, token by token and exactly.

Rows are padded on the right and need no attention mask, because a causal model never looks ahead; the
vocabulary head runs only where a token is wanted, in fp32 and in pieces. The result does not depend on
how rows are batched (beyond rounding).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medadapt.models.forward import final_hidden, vocabulary_logits
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import TokenBudget, in_batches, right_padded
from medadapt.predictions.questions import Question

LOGITS_AT_ONCE = 1 << 24
"""Logits in memory at a time: 64 MB in fp32, whatever the vocabulary."""


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

    def work(batch: list[int]) -> None:
        rows = [_row(questions[index]) for index in batch]
        wanted = [_wanted(questions[index]) for index in batch]
        for index, logprobs in zip(batch, _row_logprobs(model, rows, wanted), strict=True):
            found[index] = _likelihood(questions[index], logprobs)

    in_batches([len(_row(question)) for question in questions], budget, work, advance)
    return [likelihood for likelihood in found if likelihood is not None]


def token_logprobs(model: nn.Module, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
    """Log-probability in fp32 of one target token after each hidden state: (N, H), (N,) -> (N,)."""
    if len(hidden_NH) == 0:
        return hidden_NH.new_zeros(0, dtype=torch.float32)
    vocabulary = vocabulary_logits(model, hidden_NH[:1]).shape[-1]
    pieces = []
    for start in range(0, len(hidden_NH), step := max(1, LOGITS_AT_ONCE // vocabulary)):
        logits_NV = vocabulary_logits(model, hidden_NH[start : start + step])
        pieces.append(target_logprobs(logits_NV, targets_N[start : start + step]))
    return torch.cat(pieces)


def target_logprobs(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """Log-softmax in fp32 at one target token a row: (N, V), (N,) -> (N,)."""
    logits_NV = logits_NV.float()
    return logits_NV.gather(-1, targets_N[:, None])[:, 0] - logits_NV.logsumexp(-1)


def _row(question: Question) -> list[int]:
    # The last reference token is only a target: nothing is asked after it.
    return [*question.prompt.tokens, *question.reference.tokens[:-1]]


def _wanted(question: Question) -> list[tuple[int, int]]:
    """Pairs (position, token) whose log-probability is asked: the reference's, then one-token choices'."""
    start = len(question.prompt.tokens) - 1
    wanted = [(start + offset, token) for offset, token in enumerate(question.reference.tokens)]
    if question.single_token and question.choices is not None:
        wanted += [(start, tokens[0]) for tokens in question.choices.values()]
    return wanted


def _row_logprobs(
    model: LoadedBase, rows: Sequence[list[int]], wanted: Sequence[list[tuple[int, int]]]
) -> list[list[float]]:
    hidden_BTH = final_hidden(model.model, right_padded(rows, model.device))
    places = [(row, position, token) for row, pairs in enumerate(wanted) for position, token in pairs]
    row_N, position_N, token_N = torch.tensor(places, dtype=torch.long, device=hidden_BTH.device).unbind(1)
    logprobs = iter(token_logprobs(model.model, hidden_BTH[row_N, position_N], token_N).tolist())
    return [[next(logprobs) for _ in pairs] for pairs in wanted]


def _likelihood(question: Question, logprobs: list[float]) -> Likelihood:
    num_tokens = len(question.reference.tokens)
    scores = None
    if question.single_token and question.choices is not None:
        scores = dict(zip(question.choices, logprobs[num_tokens:], strict=True))
    return Likelihood(nll=-math.fsum(logprobs[:num_tokens]), scores=scores)
