"""How likely a model finds general English: asked of the baseline and of the tuned model, it shows forgetting."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.hashes import sha256_text
from medadapt.core.progress import Progress
from medadapt.core.records import Record
from medadapt.core.results import ModelName, Prediction
from medadapt.examples.encoding import EncodedPrompt, Encoder
from medadapt.examples.general_plan import general_plan
from medadapt.models.loading import LoadedBase
from medadapt.models.repeated_heads import repeated_heads
from medadapt.predictions.batching import TokenBudget, answering
from medadapt.predictions.likelihood import reference_likelihoods
from medadapt.predictions.questions import Question, Reference, pose
from medadapt.samples.general_text import Passage


def predict_general(
    model: LoadedBase, passages: Sequence[Passage], *, name: ModelName, batch_tokens: int, progress: Progress
) -> list[Prediction]:
    """The likelihood of each passage, in their order; nothing is written and nothing chosen.

    Prose is read from the start of a text; a request stands in the base's own chat template or, where it has
    none, in a plain question. A passage longer than the base's context is measured as far as it fits.
    """
    questions = general_questions(model, passages)
    with answering(model.model), repeated_heads(model.model):
        progress.start(f"{name}: likelihood of general text", len(questions))
        found = reference_likelihoods(
            model, questions, budget=TokenBudget(batch_tokens), advance=progress.advance
        )
        progress.finish()
    return [
        Prediction(
            id=passage.id,
            model=name,
            prompt_sha256=sha256_text(question.prompt.text),
            nll=likelihood.nll,
            num_tokens=len(question.reference.tokens),
            num_bytes=question.reference.num_bytes,
            truncated=question.truncated,
        )
        for passage, question, likelihood in zip(passages, questions, found, strict=True)
    ]


def general_questions(model: LoadedBase, passages: Sequence[Passage]) -> list[Question]:
    """Passages in tokens, in their order."""
    encoder = Encoder(model.tokenizer, general_plan(model.tokenizer, model.context_length))
    return [_request(encoder, one) if one.prompt else _prose(encoder, one) for one in passages]


def _request(encoder: Encoder, passage: Passage) -> Question:
    record = Record(
        id=passage.id, source_row=0, group=passage.id, question=passage.prompt, answer=passage.text
    )
    return pose(encoder, [record], close_choices=False)[0]


def _prose(encoder: Encoder, passage: Passage) -> Question:
    """Running text after the token that begins a text, or that separates texts where there is no such token."""
    tokenizer = encoder.tokenizer
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    tokens: list[int] = tokenizer(passage.text, add_special_tokens=False)["input_ids"]
    fitting = tokens[: encoder.max_length - 1]
    spelled = passage.text if fitting == tokens else tokenizer.decode(fitting)
    reference = Reference(tokens=fitting, num_bytes=len(spelled.encode()), cut=fitting != tokens)
    prompt = EncodedPrompt(text="", tokens=[start], truncated=False)
    return Question(prompt=prompt, reference=reference, choices=None, truncated=reference.cut)
