"""The code of the model card runs as it stands, with PEFT alone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.shown_prompt import shown_prompt
from medadapt.examples.system_turns import SystemTurns
from medadapt.examples.templates import Wording
from medadapt.report.inputs import ReportInputs
from medadapt.report.usage import OWN_CODE, usage
from tiny import save_base, tiny_llama

Build = Callable[..., ReportInputs]
CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"


def code_of(inputs: ReportInputs) -> str:
    (code,) = re.findall(r"```python\n(.*?)\n```", usage(inputs), re.DOTALL)
    return str(code)


def with_model(inputs: ReportInputs, **model: object) -> ReportInputs:
    return dataclasses.replace(inputs, recipe={**inputs.recipe, "model": model})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a base and an adapter at the places that the card names."""
    # Where the CPU computes bf16, bitsandbytes takes no 4-bit layer narrower than a block of 64 weights.
    folder = tmp_path / "path" / "to" / "the" / "base"
    save_base(folder, tiny_llama(width=64))
    base = AutoModelForCausalLM.from_pretrained(folder)
    adapter = tmp_path / "path" / "to" / "this" / "adapter"
    get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(adapter)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(adapter)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("chat", [False, True])
def test_the_code_asks_with_the_trained_prompt_and_plain_peft(
    qa_inputs: Build, place: Path, capsys: pytest.CaptureFixture[str], quantization: str, chat: bool
) -> None:
    inputs = with_model(qa_inputs(), base="path/to/the/base", quantization=quantization)
    tokenizer = AutoTokenizer.from_pretrained(place / "path" / "to" / "this" / "adapter")
    wording = Wording(template="question", system="Be brief.", options=False, answer="text")
    encoder = Encoder(
        tokenizer,
        EncodingPlan(wording=wording, chat=chat, max_length=512, prompt_limit=400, closing="</s>", labels=()),
    )
    asked = Record(id="r", source_row=1, group="g", question="{question}", answer="")
    inputs.examples["plan"] |= {"chat": chat}
    inputs.examples["shown_prompt"] = shown_prompt(encoder, [asked], SystemTurns())
    seen: dict[str, Any] = {}
    exec(code_of(inputs), seen)
    assert seen["tokens"]["input_ids"][0].tolist() == encoder.prompt(asked).tokens
    assert seen["prompt"].startswith("<system>Be brief." if chat else "Be brief.")
    assert 0 < len(seen["answer"]) <= 128
    assert capsys.readouterr().out.endswith("\n")


def test_the_code_stops_at_the_closing_token_and_at_the_end_of_text(qa_inputs: Build, place: Path) -> None:
    inputs = with_model(qa_inputs(), base="path/to/the/base")
    inputs.examples["plan"] |= {"chat": True}
    shown = {"prompt": "Why?", "stops": ["</s>"]}
    written: dict[str, Any] = {}
    inputs.examples["shown_prompt"] = shown
    exec(code_of(inputs), written)
    tokens = written["answer"].tolist()
    stop = written["tokenizer"].convert_ids_to_tokens(tokens[3])
    inputs.examples["shown_prompt"] = shown | {"stops": ["</s>", stop]}
    seen: dict[str, Any] = {}
    exec(code_of(inputs), seen)
    assert seen["answer"].tolist() == tokens[: tokens.index(tokens[3]) + 1]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"quantization": "nf4"}, "load_in_4bit=True"),
        ({"quantization": "int8"}, "load_in_8bit=True"),
        ({"revision": "abc123"}, 'revision="abc123"'),
    ],
)
def test_the_base_is_loaded_as_it_was_measured(
    diagnosis_inputs: Build, model: dict[str, str], expected: str
) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"), n=4)
    assert expected not in code_of(inputs)
    changed = code_of(with_model(inputs, base="facebook/opt-1.3b", **model))
    assert expected in changed
    compile(changed, "card", "exec")


def test_examples_of_another_version_leave_the_loading(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    del inputs.examples["shown_prompt"]
    code = code_of(inputs)
    assert "PeftModel.from_pretrained" in code
    assert "generate" not in code


def test_quotes_in_an_instruction_stay_inside_their_string(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    inputs.examples["shown_prompt"]["prompt"] = 'say "yes"\n```\nprint(1) 🫀'
    code = re.search(r"````python\n(.*?)\n````", usage(inputs), re.DOTALL)
    code = code or re.search(r"```python\n(.*?)\n```", usage(inputs), re.DOTALL)
    assert code
    compile(code[1], "card", "exec")
    assert 'say \\"yes\\"' in code[1]


def command_of(inputs: ReportInputs) -> str:
    (command,) = re.findall(r"```bash\n(.*?)\n```", usage(inputs), re.DOTALL)
    return str(command)


def test_the_command_has_all_that_the_adapter_cannot_do_without(choice_inputs: Build) -> None:
    asked, options = 'medadapt ask path/to/this/adapter "your question"', '--options "first;second;third"'
    inputs = choice_inputs()
    assert command_of(inputs) == f"{asked} {options}"
    hidden = dataclasses.replace(inputs, recipe={**inputs.recipe, "prompt": {"options": False}})
    assert command_of(hidden) == asked
    assert command_of(with_model(inputs, base="/data/gpt2")) == f"{asked} {options} --base path/to/the/base"
    assert command_of(with_model(hidden, base="sample:base")) == asked
    smoke = dataclasses.replace(hidden, run={**hidden.run, "smoke": True})
    assert command_of(smoke) == f"{asked} --base path/to/this/run/0-base"


def test_a_base_with_code_of_its_own_is_allowed_it_and_asked_in_the_folder_of_its_run(
    choice_inputs: Build,
) -> None:
    model = {"base": "owner/own", "revision": "abc", "trust_remote_code": True}
    inputs = with_model(choice_inputs(), **model)
    code = code_of(inputs)
    assert 'from_pretrained(\n    "owner/own",\n    revision="abc",\n    trust_remote_code=True,\n)' in code
    assert 'AutoTokenizer.from_pretrained("owner/own", revision="abc", trust_remote_code=True)' in code
    assert OWN_CODE in usage(inputs)
    asked = 'medadapt ask path/to/this/run "your question" --options "first;second;third"'
    assert command_of(inputs) == asked
    assert OWN_CODE not in usage(with_model(inputs, **model | {"trust_remote_code": False}))
