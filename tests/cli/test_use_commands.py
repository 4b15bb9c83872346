import io
import itertools
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.cli.answers import harmless
from medadapt.cli.app import app
from medadapt.core.errors import MedAdaptError, StoppedError
from medadapt.serving.answering import NOTICE
from medadapt.serving.writing import GrowingText
from serving_runs import diagnosis_run_in, recorded, records_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")


@pytest.fixture
def use(capsys, monkeypatch):
    """A command in this process: its exit code, what it printed, and what it said."""

    def call(*words, typed=None):
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = app([str(word) for word in words], standalone_mode=False)
        told = capsys.readouterr()
        return code or 0, told.out, told.err

    return call


def test_ask_prints_the_runs_own_answer_and_ends_with_the_notice(finished, use):
    record = records_of(finished)[0]
    code, out, err = use("ask", finished, record.question, "--device", "cpu")
    kept = recorded(finished, "tuned")[record.id]
    assert code == 0
    assert out.startswith(harmless(kept["text"]) + "\n")
    likeliest = max(kept["probabilities"], key=kept["probabilities"].get)
    assert f"{kept['probabilities'][likeliest]:.1%}  {likeliest}" in out
    assert err.strip().endswith(NOTICE)


def test_ask_gives_one_json_object_with_both_models(finished, use):
    record = records_of(finished)[0]
    _, out, _ = use("ask", finished, "-", "--model", "both", "--json", typed=record.question)
    found = json.loads(out)
    assert found["question"] == record.question
    assert found["notice"] == NOTICE
    for model in ("baseline", "tuned"):
        assert found["answers"][model]["text"] == recorded(finished, model)[record.id]["text"]
        assert sum(found["answers"][model]["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["", "--device", "cpu"], "empty"),
        (["fever", "--top-p", "0.5"], "change nothing"),
        (["fever", "--options", "a;b"], "Options mean nothing"),
        (["fever", "--options", "a;b", "--option", "c"], "both given"),
        (["fever", "--device", "toaster"], "not known"),
    ],
)
def test_ask_refuses_what_it_cannot_use(words, problem, finished, use):
    with pytest.raises(MedAdaptError, match=problem) as told:
        use("ask", finished, *words)
    assert told.value.exit_code == 2


def test_markup_and_control_sequences_of_a_model_never_reach_the_terminal(finished, use, monkeypatch):
    monkeypatch.setattr(GrowingText, "add", lambda *_: "[bold]\x1b[31mred\x1b]0;title\x07[/bold]\x9b2J")
    monkeypatch.setattr(GrowingText, "rest", lambda _: "")
    _, out, _ = use("ask", finished, "fever", "--max-new-tokens", 2)
    assert out.startswith("[bold][31mred]0;title[/bold]2J")
    assert not set(out) & {"\x1b", "\x07", "\x9b"}


@given(st.text(st.characters(codec=None), max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_however_a_text_is_cut_into_pieces_no_control_character_is_left(text, cuts):
    places = [0, *sorted(cuts), len(text)]
    shown = "".join(harmless(text[a:b]) for a, b in itertools.pairwise(places))
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert shown == "".join(map(harmless, text[: max(places)]))


def test_chat_answers_lines_obeys_commands_and_ends_with_the_input(finished, use):
    record = records_of(finished)[0]
    lines = [record.question, "/model baseline", record.question, "/nonsense", "", "/reset", "/help"]
    code, out, err = use("chat", finished, typed="\n".join(lines))
    kept = [recorded(finished, name)[record.id]["text"] for name in ("tuned", "baseline")]
    assert code == 0
    assert out == "".join(f"{harmless(text)}\n" for text in kept)
    assert NOTICE in err
    assert "every message stands alone" in err
    assert "baseline answers now." in err
    assert "/nonsense is no command" in err


@pytest.mark.parametrize("words", [["ask", "fever"], ["chat"]])
def test_ctrl_c_ends_a_command_with_its_exit_code(words, finished, use, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(GrowingText, "add", stop)
    with pytest.raises(StoppedError) as told:
        use(words[0], finished, *words[1:], typed="fever\n")
    assert told.value.signal_exit_code == 130


def test_quit_ends_a_chat_before_the_next_line(finished, use):
    _, out, _ = use("chat", finished, typed="/quit\nfever\n")
    assert out == ""


def test_export_knows_merged_alone(finished, tmp_path, use):
    with pytest.raises(Exception, match="gguf"):
        use("export", finished, "--to", "gguf", "-o", tmp_path / "x")
    code, out, _ = use("export", finished, "--to", "merged", "-o", tmp_path / "x", "--json")
    found = json.loads(out)
    assert code == found["exit_code"] == 0
    assert found["parity"]["agrees"] is True


def test_a_dry_run_lists_files_and_sizes_without_a_network(finished, use, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    _, out, _ = use("push", finished, "--to", "jane/tiny", "--dry-run", "--json")
    found = json.loads(out)
    weights = (finished / "3-adapter" / "adapter_model.safetensors").stat().st_size
    assert found["files"]["adapter_model.safetensors"] == weights
    assert {"adapter_config.json", "base.json", "medadapt.json", "README.md", "tokenizer.json"} <= set(
        found["files"]
    )
    assert (found["sent"], found["private"]) == (False, True)


def test_push_refuses_a_name_without_a_user(finished, use):
    with pytest.raises(MedAdaptError, match="names no repository"):
        use("push", finished, "--to", "tiny", "--dry-run")


def test_as_a_process_a_mistake_has_its_exit_code_and_no_traceback(medadapt, finished):
    said = medadapt("ask", finished / "nothing", "fever")
    assert said.code == 2
    assert "neither a run nor an adapter" in said.err
