"""Texts in tokens."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from medadapt.examples.tokenising import encoded
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
