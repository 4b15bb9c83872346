"""Run folder, stages and line types -> the page about the files of a run."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from medadapt.core import adapter_folder
from medadapt.core.records import DroppedRow, Record
from medadapt.core.results import Difference, Estimate, Prediction, Protocol
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import RunState, StageState
from pages_from_code.attribute_docs import attribute_docs
from pages_from_code.markdown import code, one_line, page, table

STAND_IN = Path("RUN")

INTRODUCTION = """\
A run is a folder. Each stage fills exactly one folder in it, so that a run is understood by opening them in
order. State is JSON, JSON lines, YAML, safetensors or, for tokens, Arrow; nothing is pickled. A file appears
whole or not at all, except `steps.jsonl`, which grows by a line a step. No JSON holds NaN or Infinity."""

ELSEWHERE = {
    "3-adapter/checkpoints/": "`train`, while it runs and afterwards: states from which a training resumes.",
    "4-predictions/validation.MODEL.jsonl": "`predict`: of validation records, for `ask --risk`.",
    "4-predictions/benchmarks/": "`benchmark`: what the models said of a standard set.",
    "5-metrics/benchmarks/": "`benchmark`: its metrics.",
    "5-metrics/parity.json": "`parity`: log-likelihoods beside those of lm-evaluation-harness.",
    "5-metrics/seeds.json": "`run --seeds`: the spread between trainings.",
    "seeds/": "`run --seeds`: a run folder for each further seed.",
    "search/": "`search`: its trials, and `winner/`, a run folder.",
    "index/": "`index`: passages and what finds them.",
}
"""Path -> which command makes it, and what for. Each is there only after that command."""

STEPS = """\
`3-adapter/steps.jsonl` holds one line for every optimiser step: `step` (counted from 1), `loss`,
`learning_rate`, `grad_norm`, `tokens`, `supervised` (tokens that count in the loss), `seconds` and `skipped`
(fp16 only: the step was left out because a scaled gradient overflowed); where validation was measured, also
its figures. `3-adapter/adapter_model.safetensors` is the evaluated step with the lowest validation loss, or
the last step where there is no validation."""

CHECKPOINTS = """\
`3-adapter/checkpoints/step-NNNNNN/` holds a state from which training resumes. Its manifest, written last,
has the hash of every file; a damaged checkpoint is passed over for the one before."""

PASSAGES = """\
Where `evaluation.retrieval` is on, `4-predictions/passages.jsonl` holds one line for every test record: its `id`, the
ids of the `passages` that stood in its prompt, and `first_helpful`, the rank (from 1) of the first of the ten best
passages that helps, or null."""

REPORT = """\
`6-report/index.html` is one file that loads nothing from elsewhere; a small script in it filters the records shown.
`6-report/README.md` is the model card; `6-report/figures/` holds the figures as PNG."""


def files_page() -> str:
    """What lies where, and what each line of it says."""
    return page(
        "The files of a run",
        INTRODUCTION,
        "## Folders and files",
        table(("path", "what it is"), _top()),
        table(("stage", "folder", "main files", "recipe keys it depends on"), _stages()),
        "Only after the command that makes it:",
        table(("path", "made by"), ((code(path), told) for path, told in ELSEWHERE.items())),
        "## Records",
        _lines_of(Record),
        _lines_of(DroppedRow),
        "## Training",
        STEPS,
        CHECKPOINTS,
        table(("file of `3-adapter/`", "what it is"), _adapter_files()),
        "## Predictions",
        _lines_of(Prediction),
        PASSAGES,
        "## Metrics",
        "`5-metrics/metrics.json` is explained on [a page of its own](metrics.md). Its parts:",
        *(_lines_of(kind) for kind in (Estimate, Difference, Protocol)),
        "## Report",
        REPORT,
        "## run.json",
        _lines_of(RunState),
        _lines_of(StageState),
    )


def _top() -> Iterator[tuple[str, str]]:
    run = RunFolder(STAND_IN)
    for name in ("recipe", "state", "base", "lock"):
        told = inspect.getdoc(getattr(RunFolder, name)) or "Held while a process works in the folder."
        yield code(getattr(run, name).relative_to(STAND_IN)), told


def _stages() -> Iterator[tuple[str, ...]]:
    for stage in STAGES:
        reads = "the whole recipe" if "*" in stage.reads else ", ".join(map(code, stage.reads))
        yield code(stage.name), code(f"{stage.folder}/"), ", ".join(map(code, stage.outputs)), reads


def _lines_of(kind: type) -> str:
    """The first sentence of a type and a table of its fields."""
    told = one_line(inspect.getdoc(kind) or "")
    written, meant = inspect.get_annotations(kind), get_type_hints(kind)
    rows = [
        (code(name), _type(written[name], meant[name]), text) for name, text in attribute_docs(kind).items()
    ]
    return f"**{kind.__name__}.** {told}\n\n{table(('field', 'type', 'meaning'), rows)}"


def _type(written: str, meant: Any) -> str:
    """A type as it stands in the code; of a set of words the words."""
    return ", ".join(map(code, get_args(meant))) if get_origin(meant) is Literal else code(written)


def _adapter_files() -> Iterator[tuple[str, str]]:
    told = {
        adapter_folder.WEIGHTS: "The adapter in PEFT's format.",
        adapter_folder.CONFIG: "PEFT's description of it.",
    }
    source = inspect.getsource(adapter_folder)
    for name, value in vars(adapter_folder).items():
        if name.isupper():
            after = source.partition(f'{name} = "{value}"\n"""')[2]
            yield code(value), told.get(value) or after.partition('"""')[0]
