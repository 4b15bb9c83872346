"""Texts in tokens."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from medadapt.examples.tokenising import BORDER, Tokeniser, encoded
from medadapt.models.loading import load_tokenizer
from medadapt.models.smoke_base import byte_tokenizer

TEXT = ["hello </s> there"]


@pytest.fixture
def _threads_change_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_change_often")
def test_a_control_token_in_a_text_is_spelled_out_whatever_other_threads_encode():
    tokenizer = byte_tokenizer()

    def counts(obeyed):
        rows = (encoded(tokenizer, TEXT, special=False, obeyed=obeyed) for _ in range(1500))
        return {row.count(tokenizer.eos_token_id) for (row,) in rows}

    with ThreadPoolExecutor() as threads:
        found = list(threads.map(counts, [True, False] * 4))
    assert found == [{1}, {0}] * 4


def test_prompts_whose_answers_are_cut_otherwise_end_in_another_border(shared_data):
    """A word begins otherwise behind a control token than behind a text that ends like one."""
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / "llama2"))
    control = f"<|{'x' * BORDER}|>"
    tokenizer.add_special_tokens({"additional_special_tokens": [control]})
    tokeniser = Tokeniser(tokenizer, chat=True, closing_id=tokenizer.eos_token_id)
    prompts = ["Hello" + control, "Hello" + control[-BORDER:]]
    behind_control, behind_text = tokeniser.answers(prompts, ["Rest", "Rest"])
    assert behind_control != behind_text
    assert tokeniser.border(prompts[0]) != tokeniser.border(prompts[1])


def test_prompts_that_differ_far_from_their_end_have_the_same_border():
    tokeniser = Tokeniser(byte_tokenizer(), chat=False, closing_id=0)
    assert tokeniser.border("cough\n\nWhat may it be? The disease is:") == tokeniser.border(
        "fever\n\nWhat may it be? The disease is:"
    )
