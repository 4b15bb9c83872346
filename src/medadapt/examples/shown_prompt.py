"""The prompt of a run with words in braces in place of a record: for those who ask without MedAdapt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.system_turns import SystemTurns
from medadapt.examples.templates import VERDICT_OPTIONS, asks_for_verdict


def shown_prompt(
    encoder: Encoder, records: Sequence[Record], turns: SystemTurns, *, end_ids: Sequence[int] = ()
) -> dict[str, Any]:
    """How to ask, with nothing of any record in it but the system turn of all training dialogues (`turns`).

    `prompt` is the whole text, chat template included, with `{question}` and the like where a text goes;
    only what some of `records` have has a place. `stops` are the tokens at which an answer is over, the base's own
    `end_ids` among them.
    """
    stops = encoder.tokenizer.convert_ids_to_tokens(list(encoder.stopping_ids(end_ids)))
    return {"prompt": encoder.prompt_text(_placeholders(records, turns)), "stops": stops}


def _placeholders(records: Sequence[Record], turns: SystemTurns) -> Record:
    with_options = next((record for record in records if record.options is not None), None)
    options = None
    if with_options is not None:
        verdict = asks_for_verdict(with_options)
        options = list(VERDICT_OPTIONS) if verdict else ["{first option}", "{second option}"]
    system = turns.common or ("{instruction}" if turns.differ else None)
    return Record(
        id="shown",
        source_row=1,
        group="shown",
        question="{question}",
        answer="",
        context="{context}" if any(record.context for record in records) else None,
        qtype="{type}" if any(record.qtype for record in records) else None,
        options=options,
        history=[{"role": "system", "content": system}] if system else [],
    )
