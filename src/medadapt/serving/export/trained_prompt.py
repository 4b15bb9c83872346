"""The prompt of a run as a chat template, checked token by token on test records: what every export must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from transformers import AutoTokenizer

from medadapt.core.errors import DataError, ModelError
from medadapt.core.records import Record, read_records
from medadapt.examples.encoding import Encoder
from medadapt.examples.message_template import MessageTemplate, check_template, message_template
from medadapt.examples.system_turns import SystemTurns
from medadapt.examples.templates import listed_options
from medadapt.models.ends import end_ids, settings_for_writing
from medadapt.models.loading import load_config
from medadapt.serving.asking import Asking, asking_of_run
from medadapt.serving.command_targets import Run, need_adapter
from medadapt.serving.export.bare_adapter import base_of

RECORDS = 32
"""Test records that are compared."""
TEMPLATE = "chat_template.jinja"
"""Where transformers, vLLM and llama.cpp look for a model's chat template."""
GENERATION = "generation_config.json"
"""Where transformers and vLLM look for the tokens at which an answer ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTemplate:
    """A run's prompt over messages."""

    template: MessageTemplate
    n: int
    """Test records on which it gave the run's tokens, every one that is not too long for the model; at least 1."""
    listing: str = ""
    """How options stand in a message, behind its question; empty where they do not."""

    def in_words(self) -> str:
        """What was checked, as a sentence for people."""
        records = "1 test record" if self.n == 1 else f"{self.n} test records"
        told = (
            f"Checked with transformers: on {records} the chat template gives, token by token, the prompt of the "
            "training. A system message is left out: what instruction the training had stands in the template."
        )
        if self.listing:
            written = self.listing.replace("\n", "\\n")
            told += f" Options belong into the message, behind the question: `{written}`."
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPrompt:
    """How a run asks, and its template."""

    asking: Asking
    encoder: Encoder
    stops: tuple[int, ...]
    """Tokens at which an answer is over."""
    checked: CheckedTemplate


def first_records(run: Run) -> list[Record]:
    """The test records that are compared."""
    return list(islice(read_records(run.folder.records / "test.jsonl"), RECORDS))


def trained_prompt(run: Run) -> TrainedPrompt:
    """How a run asks. The tokenizer lies beside the adapter; of the base only its settings are read.

    Raises RunFolderError where there is no adapter yet, ModelError where the base is not there and where no template
    over messages gives its tokens.
    """
    need_adapter(run)
    asking = asking_of_run(run.recipe, run.folder)
    code = asking.model.trust_remote_code
    tokenizer = AutoTokenizer.from_pretrained(run.folder.adapter, trust_remote_code=code)
    encoder = Encoder(tokenizer, asking.plan)
    checked = need_template(training_template(encoder, first_records(run), asking.system_turns))
    folder = base_of(run, asking).folder
    settings = settings_for_writing(folder, load_config(str(folder), trust_remote_code=code))
    stops = encoder.stopping_ids(end_ids(settings, tokenizer))
    return TrainedPrompt(asking=asking, encoder=encoder, stops=stops, checked=checked)


def as_ends(stops: Sequence[int]) -> int | list[int]:
    """The tokens at which an answer is over, as `GENERATION` has them under `eos_token_id`."""
    return stops[0] if len(stops) == 1 else list(stops)


def training_template(
    encoder: Encoder, records: Sequence[Record], turns: SystemTurns
) -> CheckedTemplate | None:
    """The run's prompt over messages, where it gives these records' tokens, every one; else None.

    The system turn of all training dialogues stands in it; for `turns` that differ there is no such template.
    """
    if turns.differ:
        return None
    try:
        template = message_template(encoder, system=turns.common)
    except DataError:
        return None
    found = check_template(template, encoder, records)
    if not 0 < found.n == found.same:
        return None
    return CheckedTemplate(template=template, n=found.n, listing=_listing(encoder, records[0]))


def _listing(encoder: Encoder, record: Record) -> str:
    """How the options of a record like this one stand behind its question, with other words for them."""
    if record.options is None:
        return ""
    words = [f"option {number}" for number, _ in enumerate(record.options, start=1)]
    return listed_options(replace(record, options=words), encoder.plan.wording)


def need_template(checked: CheckedTemplate | None) -> CheckedTemplate:
    """The template. Raises ModelError where there is none that gives the run's tokens."""
    if checked is None:
        raise ModelError(
            "The prompt of this run cannot be given as a chat template: its tokens would be others, its dialogues open "
            "with different system turns, or every test record is too long to tell.",
            "a prompt whose turns are all written alike, and one system turn or none",
            "Use --to merged, whose README has code that asks in the words of the training.",
        )
    return checked
