"""The code of the model card runs as it stands, with PEFT alone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.core.records import Record
from medadapt.examples.templates import Wording, render_prompt
from medadapt.report.inputs import ReportInputs
from medadapt.report.usage import usage
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
    """A working folder with a base called `base` and an adapter at the place that the card names."""
    save_base(tmp_path / "base", tiny_llama())
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    adapter = tmp_path / "path" / "to" / "this" / "adapter"
    get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(adapter)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(adapter)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("chat", [False, True])
def test_the_code_answers_with_plain_peft(
    qa_inputs: Build, place: Path, capsys: pytest.CaptureFixture[str], quantization: str, chat: bool
) -> None:
    inputs = with_model(qa_inputs(), base="base", quantization=quantization)
    inputs.examples["plan"] |= {"chat": chat}
    inputs.examples["plan"]["wording"]["template"] = "question"
    seen: dict[str, object] = {}
    exec(code_of(inputs), seen)
    answer, prompt = seen["answer"], seen["prompt"]
    asked = seen["tokenizer"].decode(prompt["input_ids"][0], skip_special_tokens=True)  # type: ignore[attr-defined, index]
    assert "..." in asked
    assert asked.startswith("<user>") == chat
    assert answer.shape[1] > prompt["input_ids"].shape[1]  # type: ignore[attr-defined, index]
    assert capsys.readouterr().out.endswith("\n")


def test_the_prompt_is_worded_as_in_training(diagnosis_inputs: Build) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"), n=4)
    record = Record(id="", source_row=0, group="", question="...", answer="")
    prompt = render_prompt(record, Wording(template="symptoms", system=None, options=False, answer="text"))
    assert prompt.encode("unicode_escape").decode() in code_of(inputs)


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


@pytest.mark.parametrize("wording", [{}, {"template": "of another version"}])
def test_a_plan_of_another_version_leaves_the_loading(qa_inputs: Build, wording: dict[str, str]) -> None:
    inputs = qa_inputs()
    inputs.examples["plan"]["wording"] = wording
    code = code_of(inputs)
    assert "PeftModel.from_pretrained" in code
    assert "generate" not in code


def test_quotes_in_an_instruction_stay_inside_their_string(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    inputs.examples["plan"]["wording"]["system"] = 'say "yes"\n```\nprint(1) 🫀'
    code = re.search(r"````python\n(.*?)\n````", usage(inputs), re.DOTALL)
    code = code or re.search(r"```python\n(.*?)\n```", usage(inputs), re.DOTALL)
    assert code
    compile(code[1], "card", "exec")
    assert 'say \\"yes\\"' in code[1]
