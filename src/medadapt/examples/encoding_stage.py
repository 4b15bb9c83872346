"""Records -> Examples: render, mask and tokenise every split, and tell what was done to long texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.files import read_json, write_json, write_jsonl
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.records import SPLITS, Record, read_records
from medadapt.examples.answer_room import with_answer_room
from medadapt.examples.chat import chat_closing, chat_join
from medadapt.examples.conversation import num_earlier_exchanges
from medadapt.examples.encoding import EncodedPrompt, Encoder
from medadapt.examples.encoding_notes import encoding_notes
from medadapt.examples.jsonl_sets import remove_jsonl_sets
from medadapt.examples.masking import Example, mask
from medadapt.examples.plan import SUMMARY, EncodingPlan, plan_to_json
from medadapt.examples.previews import preview
from medadapt.examples.same_tokens import same_tokens
from medadapt.examples.shown_prompt import shown_prompt
from medadapt.examples.system_turns import system_turns
from medadapt.examples.tally import Tally
from medadapt.examples.templates import resolve_wording
from medadapt.examples.token_sets import batches, write_token_set

DEFAULT_MAX_LENGTH = 2048
BATCH = 256


def encode(recipe: Recipe, *, records: Path, tokenizer: Any, context_length: int | None, folder: Path,
           progress: Progress, end_ids: Sequence[int] = ()) -> dict[str, Any]:  # fmt: skip
    """Write `train/`, `validation/`, `test/`, `dropped.jsonl` and `examples.json` into `folder`.

    Args:
        recipe: its prompt, examples and data sections are used.
        records: the folder 1-records.
        tokenizer: of the base model.
        context_length: most tokens the base can read; None where its configuration does not say.
        folder: 2-examples.
        progress: told of every batch.
        end_ids: tokens at which the base ends a text by its own settings, for those who ask without MedAdapt.

    Returns the content of examples.json. Raises DataError when nothing is left to train on.
    """
    remove_jsonl_sets(folder)
    splits = {name: list(read_records(records / f"{name}.jsonl")) for name in SPLITS}
    plan = make_plan(
        recipe, [r for rows in splits.values() for r in rows], records, tokenizer, context_length
    )
    encoder = Encoder(tokenizer, plan)
    progress.start("Encoding", sum(len(rows) for rows in splits.values()))
    dropped: list[dict[str, Any]] = []
    summary: dict[str, Any] = {"plan": plan_to_json(plan), "splits": {}, "preview": []}
    turns = system_turns(splits["train"])
    summary["system_turns"] = asdict(turns)
    summary["shown_prompt"] = shown_prompt(encoder, splits["train"], turns, end_ids=end_ids)
    for name in SPLITS:
        drop_long = name == "train" and recipe.examples.long_answer == "drop"
        tally = Tally(drop_long=drop_long, start_id=tokenizer.bos_token_id, dropped=dropped)
        write_token_set(folder / name, tally.watch(_examples(encoder, splits[name], progress)))
        summary["splits"][name] = tally.summary()
        if name == "train":
            summary["preview"] = [preview(tokenizer, example) for example in tally.first]
            _check_training_set(tally, name=str(folder))
    progress.finish()
    summary["dropped"] = len(dropped)
    summary["same_tokens"] = same_tokens(encoder, [record for rows in splits.values() for record in rows])
    for line in encoding_notes(summary, max_length=plan.max_length):
        progress.note(line)
    write_jsonl(folder / "dropped.jsonl", dropped)
    write_json(folder / SUMMARY, summary)
    return summary


def make_plan(
    recipe: Recipe, records: Sequence[Record], folder: Path, tokenizer: Any, context_length: int | None
) -> EncodingPlan:
    """Resolve every `auto` of prompt and examples against the tokenizer, the model and the records."""
    wording = resolve_wording(recipe.prompt, recipe.data.format)
    has_chat = bool(getattr(tokenizer, "chat_template", None))
    if recipe.prompt.chat_template == "always" and not has_chat:
        raise DataError(
            f"{recipe.model.base} has no chat template, although prompt.chat_template is 'always'.",
            "a base whose tokenizer carries a chat template",
            "Use prompt.chat_template: auto.",
        )
    chat = has_chat and recipe.prompt.chat_template != "never"
    max_length = _max_length(recipe, context_length)
    labels: tuple[str, ...] = ()
    if recipe.task == "diagnosis":
        labels = tuple(read_json(folder / "data.json")["labels"])
    unlimited = EncodingPlan(
        wording=wording,
        chat=chat,
        max_length=max_length,
        prompt_limit=max_length,
        closing=chat_closing(tokenizer) if chat else tokenizer.eos_token,
        labels=labels,
        join=chat_join(tokenizer) if chat else "plain",
    )
    return with_answer_room(Encoder(tokenizer, unlimited), records)


def _max_length(recipe: Recipe, context_length: int | None) -> int:
    asked = recipe.examples.max_length
    if asked == "auto":
        return min(context_length or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH)
    if context_length is not None and asked > context_length:
        raise DataError(
            f"examples.max_length is {asked}, but {recipe.model.base} reads at most {context_length} tokens.",
            f"a number up to {context_length}, or auto",
            f"Set examples.max_length: {context_length}.",
        )
    return int(asked)


def _examples(encoder: Encoder, records: Sequence[Record], progress: Progress) -> Iterator[Example]:
    for rows in batches(list(records), BATCH):
        prompts = encoder.prompts(rows)
        texts = [encoder.reference(record) for record in rows]
        completions = encoder.completions(prompts, texts, closed=True)
        for record, prompt, text, completion in zip(rows, prompts, texts, completions, strict=True):
            yield _example(record, prompt, text, completion, encoder.max_length)
        progress.advance(len(rows))


def _example(
    record: Record, prompt: EncodedPrompt, text: str, completion: list[int], max_length: int
) -> Example:
    tokens, labels, cut = mask(prompt.tokens, completion, max_length, prompt.answered)
    read = num_earlier_exchanges(record) - prompt.exchanges_left_out
    return Example(
        id=record.id,
        input_ids=tokens,
        labels=labels,
        prompt=prompt.text,
        completion=text,
        answer_cut=cut,
        prompt_cut=prompt.truncated,
        exchanges_trained=len(prompt.answered) + (len(tokens) > len(prompt.tokens)),
        exchanges_left_out=prompt.exchanges_left_out,
        exchanges_not_trained=read - len(prompt.answered),
    )


def _check_training_set(tally: Tally, *, name: str) -> None:
    if not tally.num_answer:
        raise DataError(
            f"{name}: no training example is left; all {len(tally.dropped)} had answers that do not fit.",
            "at least one training example",
            "Raise examples.max_length, or set examples.long_answer: cut.",
        )
    if empty := sum(count == 0 for count in tally.num_answer):
        raise DataError(
            f"{name}: {empty} training examples have no token to learn; their prompts fill examples.max_length.",
            "room for an answer behind every prompt",
            "Raise examples.max_length.",
        )
    if tally.doubled_starts:
        raise DataError(
            f"{name}: {tally.doubled_starts} examples begin with the start token twice.",
            "one start token at most",
            "The chat template writes one and the tokenizer adds another; use prompt.chat_template: never.",
        )
