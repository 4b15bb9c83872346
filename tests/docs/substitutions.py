"""What the tests run instead of a command of the docs, with the reason. Whatever is not here runs as it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

PAGES_WITH_A_FINISHED_RUN = {
    "README.md": "runs/my-first-adapter",
    "docs/how-to/answer-from-passages.md": "runs/mine",
    "docs/how-to/ask-and-chat.md": "runs/mine",
    "docs/how-to/read-the-report.md": "runs/mine",
    "docs/how-to/resume-and-continue.md": "runs/mine",
    "docs/how-to/serve-an-api.md": "runs/mine",
    "docs/how-to/share-an-adapter.md": "runs/mine",
    "docs/how-to/fix-common-errors.md": "runs/mine",
    "docs/how-to/standard-benchmarks.md": "runs/mine",
    "docs/how-to/use-the-page.md": "runs/mine",
}
"""Pages that begin where a run is done, and the folder in which they expect it."""

FILES_OF_THE_READER = {
    "path/to/notes/answers.csv": "typed_qa.csv",
    "path/to/dataset.csv": "symptoms.csv",
    "path/to/train.csv": "typed_qa.csv",
    "path/to/train.json": "mcq.jsonl",
    "path/to/dialogues.json": "dialogues.json",
    "path/to/medmcqa.jsonl": "mcq.jsonl",
}
"""Files that a page takes to be there, and the bundled rows that stand in for them."""

FEW_RESAMPLES = "--set evaluation.bootstrap_samples=100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution:
    """What becomes of the commands that a pattern matches whole."""

    found: str
    runs: str | None
    """None: nothing runs."""
    why: str


SUBSTITUTIONS = (
    Substitution(
        found=r"medadapt (?:serve|ui) .*|curl http://127\.0\.0\.1:8000/.*",
        runs=None,
        why="a server goes on until it is stopped; tests/serving/api and tests/serving/page run all of it",
    ),
    Substitution(
        found=r"make setup|source \.venv/bin/activate|python3 -m venv .*|\.venv/bin/pip install .*",
        runs=None,
        why="the suite runs in the environment that this makes",
    ),
    Substitution(found=r"make test", runs=None, why="this is the suite"),
    Substitution(found=r"hf auth login", runs=None, why="needs an account"),
    Substitution(
        found=r"make demo|medadapt demo",
        runs=f"medadapt demo --set data.limit.rows=60 --set training.epochs=1 {FEW_RESAMPLES}",
        why="the demo in seconds; its full length has a measure of its own",
    ),
    Substitution(
        found=r"medadapt run (?!runs/|.*--smoke)(.*--seeds.*)",
        runs=rf"medadapt run \1 --smoke --replace {FEW_RESAMPLES}",
        why="as for any other run, but to its end: seeds repeat a whole one",
    ),
    Substitution(
        found=r"medadapt run (?!runs/|.*--smoke)(.*)",
        runs=rf"medadapt run \1 --smoke --replace --until score {FEW_RESAMPLES}",
        why="the base would be downloaded or trained for long; the tiny one shows that the command works. Drawing "
        "figures is half of a tiny run, and other commands here do it",
    ),
    Substitution(
        found=r"medadapt run (.*--smoke)",
        runs=rf"medadapt run \1 {FEW_RESAMPLES}",
        why="the numbers of a smoke run mean nothing, with few resamples or many",
    ),
    Substitution(
        found=r"medadapt search my-recipe\.yaml",
        runs=None,
        why="the page about searches runs one, in a slow test",
    ),
    Substitution(
        found=r"medadapt search (?!.*--smoke)(.*)",
        runs=r"medadapt search \1 --smoke --trials 2",
        why="as for run, and two trials show it",
    ),
    Substitution(
        found=r"medadapt push (?!.*--dry-run).*",
        runs=None,
        why="sends files; a stand-in hub has tests of its own",
    ),
    Substitution(
        found=r"harness/bin/pip install .*|medadapt parity .*",
        runs=None,
        why="needs lm-evaluation-harness; a slow test runs it, and a stand-in has tests of its own",
    ),
    Substitution(
        found=r"medadapt benchmark .*hub:.*",
        runs=None,
        why="fetches a data set; the one above shows the command",
    ),
    Substitution(
        found=r"medadapt ask .* --risk .*",
        runs=None,
        why="a run of a few steps vouches for no answer; tests/serving/test_abstention.py asks at many risks",
    ),
    Substitution(
        found=r"medadapt ask hub:.*", runs=None, why="fetches an adapter; a stand-in hub has tests of its own"
    ),
)


def instead_of(text: str) -> tuple[str | None, Substitution | None]:
    """What runs for a command, and the substitution that says so."""
    for one in SUBSTITUTIONS:
        if match := re.fullmatch(one.found, text):
            return (match.expand(one.runs) if one.runs else None), one
    return text, None
