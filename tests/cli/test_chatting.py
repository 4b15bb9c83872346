"""`medadapt chat`: what is typed, and a chat that goes on after a message that cannot be answered."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import torch

from medadapt.cli.replies import harmless
from medadapt.serving.assistants import Assistant, load
from medadapt.serving.writing import GrowingText
from serving_runs import recorded, records_of

PATIENCE = 60
READS_A_LINE = (
    "import sys; from pathlib import Path; from medadapt.cli.chatting import _next_line; "
    "Path(sys.argv[1]).write_text(_next_line(), encoding='utf-8')"
)


@pytest.mark.parametrize(
    ("typed", "read"),
    [("a" * 6000, "a" * 6000), ("ab\x1b[Dc", "acb")],
    ids=["longer than a terminal's own line", "an arrow key"],
)
def test_a_line_is_read_whole_and_can_be_edited(typed, read, tmp_path):
    pytest.importorskip("readline")
    assert line_typed_at_a_terminal(typed, tmp_path / "line") == read


def line_typed_at_a_terminal(typed: str, place: Path) -> str:
    """What the chat takes for the line; the process that reads it writes it to `place`."""
    here, there = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", READS_A_LINE, str(place)],
        stdin=there, stdout=there, stderr=there, start_new_session=True,
        env={**os.environ, "TERM": "dumb", "INPUTRC": os.devnull},
    )  # fmt: skip
    os.close(there)
    shown = bytearray()

    def look() -> None:
        with suppress(OSError):  # the process has left its terminal
            while piece := os.read(here, 4096):
                shown.extend(piece)

    looking = Thread(target=look, daemon=True)
    looking.start()
    until = time.monotonic() + PATIENCE
    while b"> " not in shown:
        assert time.monotonic() < until, shown
        time.sleep(0.01)
    waiting = f"{typed}\n".encode()
    while waiting:
        waiting = waiting[os.write(here, waiting) :]
    assert child.wait(PATIENCE) == 0, shown
    looking.join(PATIENCE)
    os.close(here)
    return place.read_text(encoding="utf-8")


def loaded_with(monkeypatch: pytest.MonkeyPatch, change: Callable[[Assistant], Assistant]) -> None:
    """Have the chat's assistant changed once it is loaded."""
    monkeypatch.setattr(
        "medadapt.serving.assistants.load", lambda *asked, **more: change(load(*asked, **more))
    )


def test_a_chat_goes_on_after_a_message_for_which_the_model_overflows(finished, use, monkeypatch):
    def without_a_tilde(assistant):
        (tilde,) = assistant.encoder.tokenizer("~", add_special_tokens=False)["input_ids"]
        assistant.base.model.get_input_embeddings().weight.data[tilde] = torch.nan
        return assistant

    loaded_with(monkeypatch, without_a_tilde)
    record = records_of(finished)[0]
    code, out, err = use("chat", finished, typed=f"~\n{record.question}\n")
    assert code == 0
    assert "not finite numbers" in err
    assert out.endswith(f"{harmless(recorded(finished, 'tuned')[record.id]['text'])}\n")


def failing_once(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    """Have the first token of the first answer fail."""
    add, problems = GrowingText.add, iter([problem])

    def fails(growing, token):
        if (failure := next(problems, None)) is not None:
            raise failure
        return add(growing, token)

    monkeypatch.setattr(GrowingText, "add", fails)


def test_a_chat_goes_on_after_a_message_for_which_memory_runs_out(finished, use, monkeypatch):
    failing_once(monkeypatch, torch.OutOfMemoryError("out of memory"))
    record = records_of(finished)[0]
    code, out, err = use("chat", finished, typed=f"fever\n{record.question}\n")
    assert code == 0
    assert "Memory ran out." in err
    assert "/reset" in err.partition("Memory ran out.")[2]
    assert out.endswith(f"{harmless(recorded(finished, 'tuned')[record.id]['text'])}\n")


def test_a_bug_still_ends_a_chat(finished, use, monkeypatch):
    failing_once(monkeypatch, ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        use("chat", finished, typed="fever\n")


def test_a_chat_says_once_that_it_asks_without_the_type_that_the_model_was_trained_with(
    finished, use, monkeypatch
):
    def typed(assistant):
        plan = assistant.asking.plan
        wording = replace(plan.wording, template="typed_question")
        return replace(assistant, asking=replace(assistant.asking, plan=replace(plan, wording=wording)))

    _, _, err = use("chat", finished, typed="fever\nitching\n")
    assert "medadapt ask --type" not in err
    loaded_with(monkeypatch, typed)
    _, _, err = use("chat", finished, typed="fever\nitching\n")
    assert err.count("medadapt ask --type") == 1
