"""The wording around a question: record -> prompt and completion as plain text.

One place for every stage: training, scoring, chat and export all render here, so the model is asked in
the words it was trained on. A plain prompt that ends in a visible character is followed by a completion that
starts with one space; one that ends in a line break is followed by the completion itself. In a chat template,
the template says what stands between the two (`chat.ChatTemplate.join`).
"""

from __future__ import annotations

from dataclasses import dataclass

from medadapt.core.recipe import PromptSection
from medadapt.core.records import LETTERS, PASSAGES, Record
from medadapt.core.standard_sets import SetName

VERDICT_OPTIONS = ("yes", "no", "maybe")
"""PubMedQA's answers: written out after the question's own context, never as a list of options."""

OF_FORMAT = {
    "symptom_table": "symptoms",
    "typed_qa": "typed_question",
    "dialogue": "dialogue",
    "question_answer": "question",
    "multiple_choice": "choices",
}
OF_STANDARD_SET: dict[SetName, str] = {
    "medqa": "medqa",
    "medmcqa": "choices",
    "pubmedqa": "choices",
    "mmlu-medical": "mmlu",
}
"""Under which template a standard set is worded as in lm-evaluation-harness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Every choice about words, resolved: nothing is `auto` any more."""

    template: str
    """A key of `BODIES`. medqa and mmlu word standard sets only; no recipe can ask for them."""
    system: str | None
    options: bool
    """Whether the options stand in the prompt."""
    answer: str
    """letter, text or text_and_explanation (multiple choice), else text."""


def resolve_wording(prompt: PromptSection, data_format: str) -> Wording:
    """The recipe's section with `auto` replaced by the choice of the data format."""
    template = OF_FORMAT[data_format] if prompt.template == "auto" else prompt.template
    shows_options = data_format == "multiple_choice" and prompt.options
    answer = prompt.answer
    if data_format != "multiple_choice":
        answer = "text"
    elif answer == "auto":
        answer = "letter" if shows_options else "text"
    return Wording(template=template, system=prompt.system, options=shows_options, answer=answer)


def render_prompt(exchange: Record, wording: Wording) -> str:
    """The text that opens a plain prompt: what the system says, and the first exchange up to its answer."""
    system = system_text(exchange, wording)
    return (f"{system}\n\n" if system else "") + render_exchange(exchange, wording, first=True)


def system_text(exchange: Record, wording: Wording) -> str:
    """What stands before a first exchange: the recipe's instruction, then the conversation's own."""
    own = [said["content"] for said in exchange.history if said["role"] == "system"]
    return "\n\n".join(text.strip() for text in (wording.system or "", *own) if text.strip())


def render_exchange(exchange: Record, wording: Wording, *, first: bool = False, chat: bool = False) -> str:
    """The text of one exchange, up to where its answer begins.

    `first`: a template's opening sentence stands before the first exchange only. `chat`: inside a chat template,
    which itself tells who speaks.
    """
    body = CHAT_BODIES if chat else BODIES
    opening = OPENINGS.get(wording.template, "") if first else ""
    passages = f"{found}\n\n" if (found := exchange.meta.get(PASSAGES)) else ""
    return opening + passages + body[wording.template](exchange, wording)


def answer_text(record: Record, wording: Wording) -> str:
    """The reference answer as it is trained, without the space before it."""
    if record.options is None or record.answer_index is None:
        return record.label if record.label is not None else record.answer
    return option_text(record, record.answer_index, wording)


def option_text(record: Record, index: int, wording: Wording) -> str:
    """The answer that names option `index`; only the right one carries the explanation."""
    assert record.options is not None
    if answers_by_letter(record, wording):
        return LETTERS[index]
    text = record.options[index].strip()
    if wording.answer != "text_and_explanation":
        return text
    # Every option is a sentence of its own, or a missing explanation would change how the answer ends.
    explanation = (record.explanation or "").strip() if index == record.answer_index else ""
    return f"{_with_full_stop(text)} {explanation}".rstrip()


def answers_by_letter(record: Record, wording: Wording) -> bool:
    """Whether this record is answered with a letter. Yes/no/maybe questions never are."""
    return wording.answer == "letter" and not asks_for_verdict(record)


def asks_for_verdict(record: Record) -> bool:
    """Whether the options are PubMedQA's yes, no and maybe."""
    return record.options is not None and tuple(o.lower() for o in record.options) == VERDICT_OPTIONS


def join(prompt: str, completion: str) -> str:
    """The completion as it follows this plain prompt: with one space, unless the prompt ends in white space."""
    return completion if not completion or not prompt or prompt[-1].isspace() else f" {completion}"


def _symptoms(record: Record, _: Wording) -> str:
    return f"Given these symptoms: {record.question}\n\nThe disease is:"


def _typed_question(record: Record, _: Wording) -> str:
    kind = f"### Question Type:\n{record.qtype}\n\n" if record.qtype else ""
    return f"{kind}{_context(record)}### Question:\n{record.question}\n\n### Answer:"


def _question(record: Record, wording: Wording) -> str:
    return f"{_context(record)}### Question:\n{record.question}{listed_options(record, wording)}\n\n### Answer:\n"


def _medical_question(record: Record, wording: Wording) -> str:
    return f"{_context(record)}### Question:\n{record.question}{listed_options(record, wording)}\n\n### Answer:\n\n"


def _dialogue(record: Record, _: Wording) -> str:
    context = f"Context: {record.context}\n\n" if record.context else ""
    return f"{context}Patient: {record.question}\n\nDoctor:"


def _message(record: Record, _: Wording) -> str:
    context = f"Context: {record.context}\n\n" if record.context else ""
    return f"{context}{record.question}"


def _choices(record: Record, wording: Wording) -> str:
    if asks_for_verdict(record):
        abstract = f"Abstract: {record.context}\n" if record.context else ""
        return f"{abstract}Question: {record.question}\nAnswer:"
    context = f"Context: {record.context}\n" if record.context else ""
    return f"{context}Question: {record.question}{listed_options(record, wording)}\nAnswer:"


def _medqa(record: Record, wording: Wording) -> str:
    return f"Question: {record.question}{listed_options(record, wording)}\nAnswer:"


def _mmlu(record: Record, wording: Wording) -> str:
    about = (record.subject or "").replace("_", " ")
    opening = (
        f"The following are multiple choice questions (with answers) about {about}.\n\n" if about else ""
    )
    return f"{opening}{record.question.strip()}{listed_options(record, wording)}\nAnswer:"


def _context(record: Record) -> str:
    return f"### Context:\n{record.context}\n\n" if record.context else ""


def listed_options(record: Record, wording: Wording) -> str:
    """The options as they stand behind the question, with what announces them; empty where none are shown."""
    if not wording.options or not record.options or asks_for_verdict(record):
        return ""
    announced = "\nChoices:" if wording.template == "choices" else ""
    options = zip(LETTERS, record.options, strict=False)
    return announced + "".join(f"\n{letter}. {text}" for letter, text in options)


def _with_full_stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


BODIES = {
    "symptoms": _symptoms,
    "typed_question": _typed_question,
    "question": _question,
    "medical_question": _medical_question,
    "choices": _choices,
    "medqa": _medqa,
    "mmlu": _mmlu,
    "dialogue": _dialogue,
}
CHAT_BODIES = {**BODIES, "dialogue": _message}
OPENINGS = {"medical_question": "Give an answer for the following medical question.\n\n"}
CLOSING_WORDS = {
    "symptoms": "The disease is:",
    "typed_question": "### Answer:",
    "question": "### Answer:\n",
    "medical_question": "### Answer:\n\n",
    "choices": "Answer:",
    "medqa": "Answer:",
    "mmlu": "Answer:",
    "dialogue": "Doctor:",
}
"""The last words of each template's prompts: all that stands before an answer besides the question."""
