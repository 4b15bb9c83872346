"""Records, tokenizers and encoders that the tests of examples share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AddedToken

from medadapt.core.records import Record
from medadapt.examples.chat import chat_closing, chat_join
from medadapt.examples.encoding import Encoder
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import Wording
from medadapt.models.loading import load_tokenizer
from medadapt.models.smoke_base import byte_tokenizer

REAL = ("gpt2", "opt", "pythia", "llama2", "stories260K")

CHATML = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% for turn in messages %}<|start_header_id|>{{ turn.role }}<|end_header_id|>\n\n"
    "{{ turn.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# An answer follows their visible tokens at once.
GRANITE = (
    "{% for turn in messages %}<|start_of_role|>{{ turn.role }}<|end_of_role|>{{ turn.content }}<|end_of_text|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
)
MISTRAL_NEMO = (
    "{{ bos_token }}{% for turn in messages %}{% if turn.role == 'user' %}[INST]{{ turn.content }}[/INST]"
    "{% else %}{{ turn.content }}{{ eos_token }}{% endif %}{% endfor %}"
)


def tokenizer_named(name: str, data: Callable[[], Path]) -> Any:
    """The byte tokenizer, or a real one from the folder of real data."""
    if name == "byte":
        return byte_tokenizer()
    folder = data() / ("models" if name == "stories260K" else "tokenizers") / name
    return load_tokenizer(str(folder))


@pytest.fixture(scope="session", params=("byte", *REAL))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """Each tokenizer in turn: bytes, byte-level BPE with and without start token, SentencePiece."""
    return tokenizer_named(request.param, lambda: request.getfixturevalue("shared_data"))


@pytest.fixture(scope="session")
def tokenizer_called(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """`tokenizer_called("gpt2")`: one of the tokenizers above; skips where it is not on this machine."""
    return functools.cache(lambda name: tokenizer_named(name, lambda: request.getfixturevalue("shared_data")))


@pytest.fixture(scope="session")
def bytes_only() -> Any:
    """One token a byte; `<s>` is 0 and `</s>` is 1."""
    return byte_tokenizer()


def with_chat(template: str, tokens: tuple[str, ...], *, named: bool) -> Any:
    """The byte tokenizer with a chat template and its special tokens.

    `named`: whether the tokens are among those the tokenizer lists as special, as Llama's are, or only
    stand in its vocabulary with the mark "special", as Gemma 3's and Phi 3's.
    """
    tokenizer = byte_tokenizer()
    added = [AddedToken(token, special=True, normalized=False) for token in tokens]
    if named:
        tokenizer.add_special_tokens({"additional_special_tokens": added})
    else:
        tokenizer.add_tokens(added)
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="session")
def chatml() -> Any:
    """A chat tokenizer in the manner of Qwen: no start token in the template."""
    return with_chat(CHATML, ("<|im_start|>", "<|im_end|>"), named=True)


@pytest.fixture(scope="session")
def llama_3() -> Any:
    """A chat tokenizer in the manner of Llama 3: the template itself writes the start token."""
    return with_chat(LLAMA_3, ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), named=False)


@pytest.fixture(scope="session")
def granite() -> Any:
    """A chat tokenizer in the manner of Granite 3."""
    tokens = ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>")
    return with_chat(GRANITE, tokens, named=True)


@pytest.fixture(scope="session")
def mistral_nemo() -> Any:
    """A chat tokenizer in the manner of Mistral Nemo, without system turns."""
    return with_chat(MISTRAL_NEMO, ("[INST]", "[/INST]"), named=True)


@pytest.fixture(scope="session", params=("chatml", "llama_3", "granite"))
def chat_tokenizer(request: pytest.FixtureRequest) -> Any:
    """Each chat tokenizer in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def dialogue(record: Callable[..., Record]) -> Callable[..., Record]:
    """`dialogue("hi", "hello", "why?", "so.", system="...")`: a record with the turns before its last two."""

    def make(*said: str, system: str | None = None, **values: Any) -> Record:
        *earlier, question, answer = said
        roles = ("user", "assistant") * (len(earlier) // 2)
        history = [{"role": "system", "content": system}] if system else []
        history += [{"role": role, "content": text} for role, text in zip(roles, earlier, strict=True)]
        return record(history=history, question=question, answer=answer, **values)

    return make


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    """`record(question=..., ...)`: a record of which only the interesting part is given."""

    def make(**values: Any) -> Record:
        plain = {
            "id": "r1",
            "source_row": 1,
            "group": "g1",
            "question": "What is gout?",
            "answer": "Arthritis.",
        }
        return Record(**{**plain, **values})

    return make


@pytest.fixture(scope="session")
def encoder_for() -> Callable[..., Encoder]:
    """`encoder_for(tokenizer, "symptoms", chat=False, ...)`: an encoder with room for everything."""

    def make(tokenizer: Any, template: str = "question", *, chat: bool = False, **plan: Any) -> Encoder:
        wording = Wording(
            template=template,
            system=plan.pop("system", None),
            options=plan.pop("options", template == "choices"),
            answer=plan.pop("answer", "text"),
        )
        values = {
            "max_length": 100_000,
            "prompt_limit": 90_000,
            "closing": chat_closing(tokenizer) if chat else tokenizer.eos_token,
            "labels": (),
            "join": chat_join(tokenizer) if chat else "plain",
        }
        return Encoder(tokenizer, EncodingPlan(wording=wording, chat=chat, **{**values, **plan}))

    return make
