"""`medadapt run`: what stands on the command line is what is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.workflow import outcome, seeding
from medadapt.workflow.outcome import Outcome
from medadapt.workflow.request import RunRequest

PLAIN = {
    "first": None,
    "last": None,
    "smoke": False,
    "replace": False,
    "gate": False,
    "device": "auto",
    "folder": Path("runs/mine"),
    "seeds": None,
}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], {}),
        (["--from", "score"], {"first": "score"}),
        (["--until", "predict"], {"last": "predict"}),
        (["--smoke"], {"smoke": True, "folder": Path("runs/mine-smoke")}),
        (["--replace"], {"replace": True}),
        (["--gate"], {"gate": True}),
        (["--device", "cpu"], {"device": "cpu"}),
        (["-o", "there"], {"folder": Path("there")}),
        (["--seeds", "3", "--gate"], {"seeds": 3, "gate": True}),
    ],
)
def test_every_option_reaches_the_request(words, asked, recipe_file: Path, use, monkeypatch):
    seen = []

    def ended(request: RunRequest, *further: object) -> Outcome:
        seeds = further[0] if len(further) > 1 else None  # before the progress
        seen.append({name: seeds if name == "seeds" else getattr(request, name) for name in PLAIN})
        return Outcome(
            folder=request.folder, status="done", smoke=False, ran=(), skipped=(), metrics=None, findings=(),
            report=None, exit_code=3,
        )  # fmt: skip

    monkeypatch.setattr(outcome, "run", ended)
    monkeypatch.setattr(seeding, "run_seeds", ended)

    assert use("run", recipe_file, *words)[0] == 3
    assert seen == [PLAIN | asked]
