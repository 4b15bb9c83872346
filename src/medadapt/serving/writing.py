"""One answer, written token by token, and its text as soon as it is sure.

The keys and values of what was read are kept, so every new token costs one look at one token.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from medadapt.models.loading import LoadedBase
from medadapt.predictions.questions import LOST_CHARACTER
from medadapt.serving.choosing import Chooser, can_choose, nothing_to_choose
from medadapt.serving.sampling import Sampling

KEPT = ("past_key_values", "cache_params", "state")
"""What architectures call their memory: keys and values, that of Mamba and its like, that of RWKV."""


def continued(
    model: LoadedBase,
    prompt: Sequence[int],
    *,
    sampling: Sampling,
    max_new_tokens: int,
    closing_ids: Collection[int],
) -> Iterator[int]:
    """Tokens after a prompt, one by one as they are chosen; the first of `closing_ids` ends them, not given.

    At temperature 0 they are those of `predictions.generation.generate`. Raises ModelError where the model gives no
    logits from which a token can be chosen.
    """
    chooser = Chooser(sampling, model.device)
    seen_1T = torch.tensor([list(prompt)], dtype=torch.long, device=model.device)
    new_1T = seen_1T
    kept: dict[str, Any] = {}
    for _ in range(max_new_tokens):
        logits_1V, kept = _look(model, new_1T if kept else seen_1T, kept)
        if not can_choose(logits_1V):
            raise nothing_to_choose()
        new_1T = chooser.next(seen_1T, logits_1V)
        token = int(new_1T)
        if token in closing_ids:
            return
        seen_1T = torch.cat([seen_1T, new_1T], dim=1)
        yield token


# Not around the loop: between two tokens the caller runs, whose gradients are none of our business.
@torch.no_grad()
def _look(model: LoadedBase, new_1T: Tensor, kept: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
    """Logits (1, V) after the new tokens, and what the model keeps of everything read so far.

    It goes back in under the name that it came out with. Nothing comes out of RecurrentGemma, so that everything is
    read again for every token.
    """
    out = model.model(input_ids=new_1T, use_cache=True, logits_to_keep=1, **kept)
    found = {name: getattr(out, name, None) for name in KEPT}
    return out.logits[:, -1], {name: value for name, value in found.items() if value is not None}


class GrowingText:
    """Text of tokens that arrive one by one. What it has given out never changes afterwards.

    An answer has no outer white space. A text that is written on after `before`, the last tokens of what stands
    there, keeps its own: many tokenizers write a space only where something comes before it.
    """

    def __init__(self, tokenizer: Any, before: Sequence[int] | None = None) -> None:
        self._tokenizer = tokenizer
        self._before = None if before is None else list(before)
        self._stands = "" if not before else self._decoded(before).rstrip(LOST_CHARACTER)
        self._tokens: list[int] = []
        self._given = ""
        self.text = ""
        """The text of all tokens so far, special tokens removed."""

    @property
    def num_tokens(self) -> int:
        """How many tokens have arrived."""
        return len(self._tokens)

    def add(self, token: int) -> str:
        """The text that is sure now and was not before; often empty.

        Held back are the bytes of an unfinished character, and whatever a tokenizer still rewrites (some
        close up the space before a full stop).
        """
        self._tokens.append(token)
        self.text = self._written()
        sure = self.text.rstrip(LOST_CHARACTER)
        # A line break is given at once where white space counts: a stop word may be one.
        return self._give(sure.rstrip() if self._before is None else sure.rstrip(" "))

    def rest(self) -> str:
        """What was held back, when no more tokens come."""
        if not self.text.startswith(self._given):  # rewritten after all: what stands there is left standing
            shared = takewhile(lambda pair: pair[0] == pair[1], zip(self.text, self._given, strict=False))
            return self.text[sum(1 for _ in shared) :]
        return self._give(self.text)

    def _written(self) -> str:
        if self._before is None:
            return self._decoded(self._tokens).strip()
        whole = self._decoded([*self._before, *self._tokens])
        return whole[len(self._stands) :] if whole.startswith(self._stands) else self._decoded(self._tokens)

    def _decoded(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _give(self, sure: str) -> str:
        if not sure.startswith(self._given):
            return ""
        new, self._given = sure[len(self._given) :], sure
        return new


class StoppingText:
    """Growing text that ends before the first of some words."""

    def __init__(
        self, tokenizer: Any, stops: Sequence[str] = (), *, before: Sequence[int] | None = None
    ) -> None:
        self._growing = GrowingText(tokenizer, before)
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.text = ""
        """All text given out so far."""
        self.stopped = False
        """Whether one of the words came."""

    @property
    def num_tokens(self) -> int:
        """How many tokens have arrived."""
        return self._growing.num_tokens

    def add(self, token: int) -> str:
        """The text that is sure now and was not before: the end may still turn out to begin one of the words."""
        return self._give(self._growing.add(token), last=False)

    def rest(self) -> str:
        """What was held back, when no more tokens come."""
        return self._give(self._growing.rest(), last=True)

    def _give(self, piece: str, *, last: bool) -> str:
        if self.stopped:
            return ""
        self._held += piece
        ends = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if ends:
            self.stopped = True
            self._held = self._held[: min(ends)]
        keep = 0 if last or self.stopped else self._begun()
        given, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self.text += given
        return given

    def _begun(self) -> int:
        """How many characters at the end could begin one of the words."""
        return max(
            (
                size
                for stop in self._stops
                for size in range(1, min(len(stop), len(self._held) + 1))
                if self._held.endswith(stop[:size])
            ),
            default=0,
        )
