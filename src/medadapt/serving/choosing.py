"""How the next token is chosen: the likeliest, or drawn.

The order of the filters is that of transformers' `generate`, whose own processors do the work: repetition
penalty (Keskar et al. 2019), temperature, top k (Fan et al. 2018), top p (Holtzman et al. 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from medadapt.core.errors import ModelError
from medadapt.serving.sampling import Sampling

LEAST_TEMPERATURE = 1e-4
"""A lower one is taken for this: it draws from none but equal logits too, and dividing by less overflows."""


def can_choose(logits_BV: Tensor) -> Tensor:
    """Whether each row of logits (B, V) has a likeliest token: none of them is not-a-number, the highest is finite."""
    return logits_BV.amax(-1).isfinite()


class OverflowedError(ModelError):
    """A model gives no finite numbers for a text, through no fault of who asks."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            problem,
            "finite numbers",
            "Some models overflow in fp16: train with model.precision bf16 or fp32. Where only the tuned model does, "
            "train again with a lower training.learning_rate.",
        )


def nothing_to_choose() -> OverflowedError:
    """What is told where `can_choose` says no; drawing there would end the work on a GPU for good."""
    return OverflowedError("After this text the model gives logits that are not finite numbers.")


class Chooser:
    """Chooses one token after another; it holds the state of the random draw."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._draws = sampling.temperature > 0
        self._filters = _filters(sampling)
        self._generator = torch.Generator(device=device)
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)

    def next(self, seen_1T: Tensor, logits_1V: Tensor) -> Tensor:
        """The next token (1, 1) after the tokens seen, from the logits at the last of them."""
        scores_1V = self._filters(seen_1T, logits_1V.float())
        if not self._draws:
            return scores_1V.argmax(-1, keepdim=True)
        return torch.multinomial(scores_1V.softmax(-1), 1, generator=self._generator)


def _filters(sampling: Sampling) -> LogitsProcessorList:
    filters = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        filters.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.temperature not in (0, 1):
        filters.append(TemperatureLogitsWarper(max(float(sampling.temperature), LEAST_TEMPERATURE)))
    if sampling.top_k is not None:
        filters.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p is not None and sampling.top_p < 1:
        filters.append(TopPLogitsWarper(sampling.top_p))
    return filters
