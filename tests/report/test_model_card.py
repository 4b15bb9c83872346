"""The model card: metadata that the Hub reads, honest prose, nothing that data can break."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from medadapt.report.inputs import ReportInputs
from medadapt.report.model_card import model_card
from medadapt.report.named_base import base_id

Build = Callable[..., ReportInputs]
READER = MarkdownIt("commonmark").enable("table")


def split(card: str) -> tuple[dict[str, object], str]:
    found = re.fullmatch(r"---\n(.*?)\n---\n(.*)", card, re.DOTALL)
    assert found
    return yaml.safe_load(found[1]), found[2]


def without_leak(inputs: ReportInputs) -> ReportInputs:
    return dataclasses.replace(
        inputs, metrics={**inputs.metrics, "leakage": {"exact": 0, "near": 0}, "findings": []}
    )


def test_the_hub_reads_every_result(inputs: ReportInputs) -> None:
    inputs = without_leak(inputs)
    results = ModelCard(model_card(inputs)).data.eval_results
    assert results is not None
    assert [result.metric_value for result in results] == [
        leaf["value"] for leaf in inputs.metrics["tuned"].values()
    ]
    first = results[0]
    leaf = next(iter(inputs.metrics["tuned"].values()))
    assert first.metric_args["interval"] == [leaf["low"], leaf["high"]]
    assert first.metric_args["n"] == inputs.metrics["n"]
    assert first.dataset_split == "test"


def test_figures_that_would_mislead_are_kept_out_of_the_metadata(
    diagnosis_inputs: Build, choice_inputs: Build
) -> None:
    honest = diagnosis_inputs(labels=("Gout", "Acne"))
    diverged = [{"kind": "diverged", "exit_code": 4, "problem": "p", "remedy": "r"}]
    edited = [{"kind": "edited", "exit_code": 3, "problem": "p", "remedy": "r"}]
    changed = {**honest.metrics["protocol"], "fixed_before_tuning": False, "fixed_reason": "changed"}
    reasons = {
        "changed by hand": dataclasses.replace(honest, metrics={**honest.metrics, "findings": edited}),
        "smoke run": dataclasses.replace(honest, run={**honest.run, "smoke": True}),
        "test data leaked": choice_inputs(),
        "diverged": dataclasses.replace(honest, metrics={**honest.metrics, "findings": diverged}),
        "evaluation was changed after": dataclasses.replace(
            honest, metrics={**honest.metrics, "protocol": changed}
        ),
    }
    assert "model-index" in split(model_card(honest))[0]
    for reason, inputs in reasons.items():
        matter, prose = split(model_card(inputs))
        assert "model-index" not in matter
        assert reason in next(line for line in prose.splitlines() if "left out of the card" in line)


def test_data_sets_of_the_hub_given_splits_and_the_search_are_named(dialogue_inputs: Build) -> None:
    matter, prose = split(model_card(dialogue_inputs()))
    assert matter["datasets"] == ["owner/dialogues"]
    assert "splits were given and are never mixed" in prose
    assert "judged on validation only" in prose
    assert "TRL's SFTTrainer" in prose
    assert "ROUGE-L" in prose
    assert "Errors by it: base 20 of 24 (83.3%), tuned 13 of 24 (54.2%)" in prose


def test_the_control_stands_with_the_metric_it_is_compared_in(
    dialogue_inputs: Build, diagnosis_inputs: Build
) -> None:
    _, written = split(model_card(dialogue_inputs()))
    assert "| control | Token F1 |" in written
    assert "| Nearest training record | 0.225 (0.212 to 0.238) |" in written
    assert "No better than a simple control" in written
    assert "| control | Accuracy |" in split(model_card(diagnosis_inputs()))[1]


def test_a_smoke_run_names_no_base_that_it_does_not_fit(diagnosis_inputs: Build) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    matter, prose = split(model_card(dataclasses.replace(inputs, run={**inputs.run, "smoke": True})))
    assert "base_model" not in matter
    assert "a tiny random stand-in of facebook/opt-1.3b" in prose
    assert 'from_pretrained("path/to/this/run/0-base")' in prose


def test_an_adapter_that_was_only_measured_is_not_called_trained(diagnosis_inputs: Build) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    started = {"base": "facebook/opt-1.3b", "adapter": "/home/me/runs/first/3-adapter"}
    inputs = dataclasses.replace(inputs, recipe={**inputs.recipe, "model": started})
    assert "trained further from first/3-adapter" in split(model_card(inputs))[1]
    measured = split(model_card(dataclasses.replace(inputs, steps=[])))[1]
    assert "measured with MedAdapt and not trained further" in measured
    assert "/home/me" not in measured


@pytest.mark.parametrize(
    ("leakage", "told"),
    [
        ({}, "What first/3-adapter was trained on is not known, so test records may be among it."),
        (
            {"known": False, "count": 3},
            "Not all that first/3-adapter was trained on is known, so test records",
        ),
        ({"known": True, "count": 0}, None),
    ],
)
def test_that_nobody_knows_what_the_start_adapter_was_trained_on_is_a_limit(
    diagnosis_inputs: Build, leakage: dict[str, object], told: str | None
) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    assert "trained on is" not in model_card(inputs)
    started = {"base": "facebook/opt-1.3b", "adapter": "runs/first/3-adapter"}
    found = {**inputs.metrics["leakage"], "start_adapter": {"exact": None, "near": None, **leakage}}
    inputs = dataclasses.replace(
        inputs,
        recipe={**inputs.recipe, "model": started},
        metrics={**inputs.metrics, "leakage": found if leakage else inputs.metrics["leakage"]},
    )
    limits = model_card(inputs).partition("## Results")[0]
    if told:
        assert told in limits
    else:
        assert "trained on is" not in limits


def test_every_winner_that_was_measured_on_test_is_named(dialogue_inputs: Build) -> None:
    inputs = dialogue_inputs()
    assert "The winner alone was measured on test, once." in model_card(inputs)
    card = model_card(dataclasses.replace(inputs, search={**inputs.search, "measured_before": ["000"]}))
    assert "2 winners, one after another as trials were added (000, 001), were measured on test" in card
    assert "on test, once" not in card


def test_metadata_names_library_base_and_kind(inputs: ReportInputs) -> None:
    matter, _ = split(model_card(inputs))
    assert matter["library_name"] == "peft"
    assert matter["base_model"] == "facebook/opt-1.3b"
    assert {"medadapt", "lora", "medical"} <= set(matter["tags"])  # type: ignore[call-overload]
    assert "license" not in matter  # nobody stated one


@pytest.mark.parametrize(
    ("quantization", "kind", "tagged"),
    [
        ("none", "A LoRA adapter for", False),
        ("nf4", "A QLoRA adapter for", True),
        ("int8", "A LoRA adapter (base in 8 bits) for", False),
    ],
)
def test_only_an_adapter_of_a_base_in_4_bits_is_called_qlora(
    diagnosis_inputs: Build, quantization: str, kind: str, tagged: bool
) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    model = {"base": "facebook/opt-1.3b", "quantization": quantization}
    matter, prose = split(model_card(dataclasses.replace(inputs, recipe={**inputs.recipe, "model": model})))
    assert kind in prose
    assert ("qlora" in matter["tags"]) == tagged  # type: ignore[operator]


@pytest.mark.parametrize("base", ["/data/models/gpt2", "models/gpt2", "gpt2"])
def test_a_folder_is_not_taken_for_a_model_of_the_hub(
    diagnosis_inputs: Build, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    inputs = dataclasses.replace(inputs, recipe={**inputs.recipe, "model": {"base": base}})
    (tmp_path / "models" / "gpt2").mkdir(parents=True)
    (tmp_path / "gpt2").mkdir()
    monkeypatch.chdir(tmp_path)
    matter, prose = split(model_card(inputs))
    assert not {"base_model", "base_model_relation"} & set(matter)
    assert "for a local base model named gpt2, trained with" in prose
    assert 'AutoModelForCausalLM.from_pretrained("path/to/the/base")' in prose
    assert 'medadapt ask path/to/this/adapter "your question" --base path/to/the/base' in prose


@pytest.mark.parametrize("trained_on", ["folder", "hub"])
def test_whether_the_base_is_one_of_the_hub_is_what_the_run_found_and_not_what_is_there_now(
    diagnosis_inputs: Build, trained_on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    hashes = {"recipe model": "0", **({"source base": "0"} if trained_on == "folder" else {})}
    stages = inputs.run["stages"] | {"train": {"status": "done", "seconds": 1.0, "inputs": hashes}}
    inputs = dataclasses.replace(
        inputs,
        run={**inputs.run, "stages": stages},
        recipe={**inputs.recipe, "model": {"base": "models/gpt2"}},
    )
    if trained_on == "hub":
        (tmp_path / "models" / "gpt2").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    matter, prose = split(model_card(inputs))
    if trained_on == "hub":
        assert matter["base_model"] == "models/gpt2"
        assert 'AutoModelForCausalLM.from_pretrained("models/gpt2")' in prose
    else:
        assert "base_model" not in matter
        assert "for a local base model named gpt2, trained with" in prose


@pytest.mark.parametrize(
    ("base", "hub"),
    [
        ("facebook/opt-1.3b", "facebook/opt-1.3b"),
        ("/data/models/stories260K", "stories260K"),
        ("../shared/models/stories260K/", "stories260K"),
        ("C:\\models\\tiny", "tiny"),
        ("runs/x/0-base/y/z", "z"),
        ("a b", None),
        ("..", None),
    ],
)
def test_a_local_base_is_named_without_its_place(base: str, hub: str | None) -> None:
    assert base_id(base) == hub


def test_a_value_that_could_not_be_computed_is_no_result(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    inputs.metrics["tuned"]["perplexity"] |= {"value": None, "reason": "too large"}
    names = [result.metric_type for result in ModelCard(model_card(inputs)).data.eval_results or []]
    assert names == ["bits_per_byte", "loss"]


def test_prose_carries_notice_controls_leakage_licence_and_loading(diagnosis_inputs: Build) -> None:
    _, prose = split(model_card(diagnosis_inputs()))
    for part in (
        "not a medical device",
        "Worse than a simple control",
        "28 of 61 test records",
        "Unknown does not mean free",
        "PeftModel.from_pretrained",
        "70.5%",
        "+45.4 to +69.4 points",
    ):
        assert part in prose


def test_no_question_of_the_data_stands_in_the_card(inputs: ReportInputs) -> None:
    card = model_card(inputs)
    assert not [record for record in inputs.test if record.question in card]


@pytest.mark.parametrize(
    "payload",
    [
        "\n---\nevil: 1\n---\n",
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "| a |\n",
        "```\n",
        '": {"',
        "\u2028\x1b[31m",
        "'''",
    ],
)
def test_names_of_the_run_can_break_nothing(diagnosis_inputs: Build, payload: str) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"), n=6)
    inputs.metrics["findings"] = [{"kind": "leak", "exit_code": 3, "problem": payload, "remedy": payload}]
    plain = model_card(inputs)
    hostile = dataclasses.replace(
        inputs,
        run={**inputs.run, "name": f"run{payload}", "device": payload},
        data={**inputs.data, "sources": {f"data{payload}": "sha"}, "licence": payload},
    )
    matter, prose = split(model_card(hostile))
    assert set(matter) == set(split(plain)[0])
    types = {token.type for token in READER.parse(prose)}
    inside = {child.type for token in READER.parse(prose) for child in token.children or []}
    assert "html_block" not in types
    assert not inside & {"html_inline", "link_open", "image"}
    assert len(re.findall(r"^## ", prose, re.MULTILINE)) == len(
        re.findall(r"^## ", split(plain)[1], re.MULTILINE)
    )
