"""Text -> tokens on real tokenizers: the prompt is a strict prefix, and the answer ends once.

Known normalisations, and nothing else, may change a text on its way through a tokenizer: SentencePiece
(llama2, stories260K) puts a space before the first word; Pythia's composes Unicode (NFC).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest_encoding import MEDICAL_TEXT, decoded, same_text
from hypothesis import given, settings
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder, chat_closing, chat_prompt, load_encoder
from medadapt.examples.masking import IGNORED, mask
from medadapt.examples.templates import BODIES
from medadapt.models.loading import load_tokenizer
