"""What exports have in common that take the adapter as it is, beside a base that another program loads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from transformers import AutoTokenizer

from medadapt.core.adapter_folder import CONFIG, WEIGHTS
from medadapt.core.files import disk_faults
from medadapt.core.records import Record, read_records
from medadapt.examples.encoding import Encoder
from medadapt.examples.message_template import MessageTemplate
from medadapt.serving.asking import Asking, asking_of_run
from medadapt.serving.command_targets import Run
from medadapt.serving.export.merged import RECORDS, need_template, training_template

ADAPTER = "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPrompt:
    """A run's prompt, and the test records on which its template gives the run's tokens."""

    asking: Asking
    encoder: Encoder
    template: MessageTemplate
    records: Sequence[Record]


def trained_prompt(run: Run) -> TrainedPrompt:
    """How a run asks. The tokenizer lies beside the adapter, so the base is not needed.

    Raises ModelError where no template over messages gives the run's tokens.
    """
    asking = asking_of_run(run.recipe, run.folder)
    encoder = Encoder(AutoTokenizer.from_pretrained(run.folder.adapter), asking.plan)
    records = list(islice(read_records(run.folder.records / "test.jsonl"), RECORDS))
    template = need_template(training_template(encoder, records))
    return TrainedPrompt(asking=asking, encoder=encoder, template=template, records=records)


def copy_adapter(run: Run, part: Path) -> None:
    """The adapter's two files in PEFT's format, in `part/adapter`."""
    with disk_faults(part):
        (part / ADAPTER).mkdir(parents=True)
        for name in (CONFIG, WEIGHTS):
            shutil.copyfile(run.folder.adapter / name, part / ADAPTER / name)
