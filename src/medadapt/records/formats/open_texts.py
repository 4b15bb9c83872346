"""Texts of open questions and answers, cleaned alike whatever layout they come from."""

from __future__ import annotations

from medadapt.records.cleaning.markup import without_markup
from medadapt.records.cleaning.texts import Repairs, clean_lines, clean_question, normal_form
from medadapt.records.formats.aliases import Aliases
from medadapt.records.rows import RowError

INVISIBLE = {0xAD: None, 0x200B: None, 0xFEFF: None}
"""Soft hyphen, zero-width space and byte order mark: they split words for the tokenizer and show nothing."""


def message_text(text: str, repairs: Repairs) -> str:
    """A message or answer that may have paragraphs."""
    shown = text.translate(INVISIBLE)
    if shown != text:
        repairs["invisible characters removed"] += 1
    return clean_lines(without_markup(shown, repairs).strip(), repairs)


def question_text(text: str, repairs: Repairs) -> str:
    """A question: on one line it is tidied as questions are, on several it keeps its lines."""
    cleaned = message_text(text, repairs)
    return cleaned if "\n" in cleaned else clean_question(cleaned, repairs)


def checked_answer(text: str, question: str, *, aliases: Aliases, repairs: Repairs) -> str:
    """An answer, cleaned. Raises RowError `empty_answer` where there is none, or only the question again."""
    answer = message_text(aliases.trimmed(text, "answer"), repairs)
    if not answer:
        raise RowError("empty_answer", "the answer is empty")
    if normal_form(answer) == normal_form(question):
        raise RowError("empty_answer", "the answer only repeats the question")
    return answer
