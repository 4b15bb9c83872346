import json
import sys
from io import BytesIO, TextIOWrapper

import pytest

from medadapt.cli import app
from medadapt.cli.replies import harmless
from medadapt.core.errors import MedAdaptError, StoppedError
from medadapt.report.wording import share
from medadapt.serving.answering import NOTICE
from medadapt.serving.writing import GrowingText
from serving_runs import recorded, records_of


def test_ask_prints_the_runs_own_answer_and_ends_with_the_notice(finished, use):
    record = records_of(finished)[0]
    code, out, err = use("ask", finished, record.question, "--device", "cpu")
    kept = recorded(finished, "tuned")[record.id]
    assert code == 0
    assert out.startswith(harmless(kept["text"]) + "\n")
    likeliest = max(kept["probabilities"], key=kept["probabilities"].get)
    assert f"{share(kept['probabilities'][likeliest])}  {likeliest}" in out
    assert err.strip().endswith(NOTICE)


def test_ask_gives_one_json_object_with_both_models(finished, use):
    record = records_of(finished)[0]
    code, out, _ = use("ask", finished, "-", "--model", "both", "--json", typed=record.question)
    found = json.loads(out)
    assert code == found["exit_code"] == 0
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


@pytest.mark.parametrize("words", [["ask", "fever"], ["chat"], ["ui"], ["serve"]])
def test_the_base_of_a_run_is_packed_as_its_recipe_says(words, finished, use):
    with pytest.raises(MedAdaptError, match="says itself how its base is held") as told:
        use(words[0], finished, *words[1:], "--quantization", "nf4")
    assert told.value.exit_code == 2


def test_markup_and_control_sequences_of_a_model_never_reach_the_terminal(finished, use, monkeypatch):
    monkeypatch.setattr(GrowingText, "add", lambda *_: "[bold]\x1b[31mred\x1b]0;title\x07[/bold]\x9b2J")
    monkeypatch.setattr(GrowingText, "rest", lambda _: "")
    _, out, _ = use("ask", finished, "fever", "--max-new-tokens", 2)
    assert out.startswith("[bold][31mred]0;title[/bold]2J")
    assert not set(out) & {"\x1b", "\x07", "\x9b"}


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


def test_as_a_process_a_mistake_has_its_exit_code_and_no_traceback(medadapt, finished):
    said = medadapt("ask", finished / "nothing", "fever")
    assert said.code == 2
    assert "neither a run nor an adapter" in said.err


@pytest.mark.parametrize("words", [("ask", "-"), ("chat",)])
def test_a_question_that_is_no_utf_8_is_asked_all_the_same(words, finished, capsys, monkeypatch):
    typed = TextIOWrapper(BytesIO("fièvre; itching\n".encode("latin-1")), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", typed)
    command, *rest = words
    monkeypatch.setattr(sys, "argv", ["medadapt", command, str(finished), *rest, "--device", "cpu"])
    monkeypatch.setattr(app, "QUIET", {})
    with pytest.raises(SystemExit) as left:
        app.main()
    assert left.value.code == 0
    assert NOTICE in capsys.readouterr().err
