"""Pieces of text -> tokens, so that what is read never depends on what is written after it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

BORDER = 24
"""Characters of the prompt that are encoded again with the completion to see where the tokenizer cuts."""
_ENCODING = threading.Lock()


def encoded(tokenizer: Any, texts: Sequence[str], *, special: bool, obeyed: bool) -> list[list[int]]:
    """Tokens of texts; `special`: with those a tokenizer adds, `obeyed`: a `</s>` in a text is the token of that name.

    One thread at a time: transformers' fast tokenizers keep `obeyed` as a state, which another thread could change
    between its setting and the encoding, and a question's `</s>` would then end it.
    """
    with _ENCODING:
        tokens: list[list[int]] = tokenizer(
            list(texts), add_special_tokens=special, split_special_tokens=not obeyed
        )["input_ids"]
    return tokens


class Tokeniser:
    """A tokenizer that obeys control tokens only where a chat template wrote them."""

    def __init__(self, tokenizer: Any, *, chat: bool, closing_id: int) -> None:
        self._tokenizer = tokenizer
        self._chat = chat
        self._closing_id = closing_id
        added = tokenizer.added_tokens_decoder.values() if chat else ()
        self._controls = tuple(token.content for token in added if token.special and len(token.content) > 1)
        self._border = max([BORDER, *map(len, self._controls)])

    def openings(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts that open a prompt, with the start token where the tokenizer writes one."""
        if self._chat:
            return self._encode(texts, special=False, obeyed=True)
        end = self._tokenizer.eos_token_id
        opened = self._encode(texts, special=True, obeyed=False)
        # Some tokenizers append an end token, but the answer is still to come.
        return [tokens[:-1] if len(tokens) > 1 and tokens[-1] == end else tokens for tokens in opened]

    def after_closing(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts that follow the closing token of an earlier answer."""
        if not self._chat:
            return self.apart(texts)
        closing = self._tokenizer.convert_ids_to_tokens(self._closing_id)
        joint = self._encode([closing + text for text in texts], special=False, obeyed=True)
        return [tokens[1:] for tokens in joint]

    def answers(self, before: Sequence[str], texts: Sequence[str]) -> list[list[int]]:
        """Tokens of answers, each after the text before it.

        An answer is cut as in the whole text, as long as no token reaches across the border.
        """
        found = self._after_text(before, texts)
        behind = {
            place: control + text
            for place, (prompt, text) in enumerate(zip(before, texts, strict=True))
            if (control := self._control_before(prompt, text))
        }
        # There some tokenizers begin a word with a space of their own, which the spelled-out token hides from them.
        joint = self._encode(list(behind.values()), special=False, obeyed=True)
        for place, tokens in zip(behind, joint, strict=True):
            found[place] = tokens[1:]
        return found

    def border(self, prompt: str) -> str:
        """The end of a prompt. Answers after prompts that end in the same one have the same tokens."""
        return prompt[-self._border :]

    def _after_text(self, before: Sequence[str], texts: Sequence[str]) -> list[list[int]]:
        ends = [text[-BORDER:] for text in before]
        joint = self.plain([end + text for end, text in zip(ends, texts, strict=True)])
        borders = self.plain(ends)
        merged = [both[: len(border)] != border for both, border in zip(joint, borders, strict=True)]
        apart = iter(self.apart([text for text, is_merged in zip(texts, merged, strict=True) if is_merged]))
        return [
            next(apart) if is_merged else both[len(border) :]
            for both, border, is_merged in zip(joint, borders, merged, strict=True)
        ]

    def _control_before(self, prompt: str, answer: str) -> str:
        """The control token at the end of a prompt whose answer follows at once and holds none itself, else empty."""
        if not answer or answer[0].isspace() or not prompt.endswith(self._controls):
            return ""
        if any(control in answer for control in self._controls):
            return ""
        return max((control for control in self._controls if prompt.endswith(control)), key=len)

    def apart(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts that begin afresh: encoded after a line break, or alone where it would merge."""
        if not texts:
            return []
        (mark,) = self.plain(["\n"])
        joint = self.plain(["\n" + text for text in texts])
        alone = self.plain(texts)
        return [
            both[len(mark) :] if both[: len(mark)] == mark else single
            for both, single in zip(joint, alone, strict=True)
        ]

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts and nothing else: a `</s>` that stands in the data is spelled out, never obeyed."""
        return self._encode(texts, special=False, obeyed=False)

    def _encode(self, texts: Sequence[str], *, special: bool, obeyed: bool) -> list[list[int]]:
        return encoded(self._tokenizer, texts, special=special, obeyed=obeyed) if texts else []
