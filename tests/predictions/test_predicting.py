from __future__ import annotations

import csv
import gc
import math
from dataclasses import replace
from types import MappingProxyType

import pytest
import torch
from embedding_folder import save_embedding_model
from peft import PeftModel
from torch.nn import functional
from transformers import AutoModelForCausalLM

from medadapt.core.errors import DivergedError, ModelError
from medadapt.core.files import write_json
from medadapt.core.hashes import sha256_text
from medadapt.core.progress import Progress, Silent
from medadapt.core.recipe import LoraSection, ModelSection, Recipe
from medadapt.core.records import SPLITS, write_records
from medadapt.core.results import Prediction, read_predictions
from medadapt.examples.plan import plan_to_json
from medadapt.models import repeated_heads
from medadapt.models.adapter import WEIGHTS, load_adapter, new_adapter, save_config, save_weights
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors
from medadapt.predictions.asking import predict
from medadapt.predictions.general import predict_general
from medadapt.predictions.predicting import predict_both
from medadapt.predictions.settings import PredictionSettings
from medadapt.samples.general_text import general_passages


def recipe(data_format: str, **evaluation) -> Recipe:
    values = {
        "data": {"format": data_format, "source": "x.csv"},
        "model": {"base": "x"},
        "evaluation": evaluation,
    }
    return Recipe.model_validate(values)


def write_adapter(base, folder, *, spread: float) -> None:
    """An adapter on a copy of the base whose update is random, or nothing where `spread` is 0."""
    lora = LoraSection(rank=4)
    layers = new_adapter(base, lora, seed=0)
    torch.manual_seed(1)
    tensors = adapter_tensors(base.model)
    for name, weight in tensors.items():
        if "lora_B" in name:  # zero at first, where a lost adapter would go unnoticed
            torch.nn.init.normal_(weight, std=spread)
    save_config(base, lora, layers, folder)
    save_weights(tensors, folder)


@pytest.fixture
def run(tmp_path, encoder_for):
    """Writes records, encoding and adapter of a run, and predicts with both models."""

    def build(
        make_base,
        records,
        recipe,
        *,
        template: str,
        spread: float = 0.5,
        others=MappingProxyType({}),
        progress: Progress | None = None,
        **plan,
    ):
        base = make_base()
        encoder = encoder_for(base.tokenizer, template, **plan)
        for split in SPLITS:
            write_records(tmp_path / f"{split}.jsonl", records if split == "test" else others.get(split, []))
        write_json(tmp_path / "examples.json", {"plan": plan_to_json(encoder.plan)})
        write_adapter(make_base(), tmp_path / "adapter", spread=spread)
        summary = predict_both(
            recipe,
            records=tmp_path,
            examples=tmp_path,
            base=base,
            adapter=tmp_path / "adapter",
            folder=tmp_path / "4",
            progress=progress or Silent(),
        )
        both = [list(read_predictions(tmp_path / "4" / f"{name}.jsonl")) for name in ("baseline", "tuned")]
        return summary, *both, encoder

    return build


def test_diagnoses_are_scored_by_both_models_on_the_same_prompts(run, tiny, diagnoses):
    summary, baseline, tuned, encoder = run(
        lambda: tiny("opt"), diagnoses, recipe("symptom_table"), template="symptoms"
    )
    assert summary["n"] == 3
    assert summary["method"] == "score"
    assert [p.id for p in baseline] == [p.id for p in tuned] == [record.id for record in diagnoses]
    for record, base, adapted in zip(diagnoses, baseline, tuned, strict=True):
        assert base.prompt_sha256 == adapted.prompt_sha256 == sha256_text(encoder.prompt(record).text)
        assert base.choice == max(base.scores, key=base.scores.__getitem__)
        assert tuple(base.scores) == encoder.labels
        assert sum(base.probabilities.values()) == pytest.approx(1)
        assert base.nll == pytest.approx(-base.scores[record.label], abs=1e-4)
        assert base.scores != adapted.scores
        assert (base.text, base.parsed) == (None, None)


def test_each_model_is_weighed_against_what_it_says_itself_without_a_question(run, tiny, diagnoses, tmp_path):
    _, baseline, tuned, encoder = run(
        lambda: tiny("llama"), diagnoses, recipe("symptom_table", choice_by="relative"), template="symptoms"
    )
    settings = PredictionSettings(task="diagnosis", method="score", choice_by="relative")
    adapted = load_adapter(tiny("llama"), tmp_path / "adapter")
    for model, name, rows in ((tiny("llama"), "baseline", baseline), (adapted, "tuned", tuned)):
        alone = predict(model, encoder, diagnoses, name=name, settings=settings, progress=Silent())
        for row, wanted in zip(rows, alone, strict=True):
            assert row.probabilities == pytest.approx(wanted.probabilities, abs=1e-3)
            assert row.choices == wanted.choices


def test_on_a_gpu_that_cannot_share_key_heads_nothing_asks_it_to(tiny, encoder_for, diagnoses, monkeypatch):
    kernel, shared = functional.scaled_dot_product_attention, []

    def watched(query, key, value, *, enable_gqa=False, **options):
        shared.append(enable_gqa)
        return kernel(query, key, value, enable_gqa=enable_gqa, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    monkeypatch.setattr(repeated_heads, "wants_repeated_heads", lambda _: True)
    base = tiny("llama")
    new_adapter(base, LoraSection(rank=4, variant="dora"), seed=0)  # with it the model's own layers work
    settings = PredictionSettings(task="diagnosis", method="generate", max_new_tokens=3)
    predict(base, encoder_for(base.tokenizer), diagnoses, name="tuned", settings=settings, progress=Silent())
    asked = len(shared)
    predict_general(base, general_passages()[:2], name="tuned", batch_tokens=4096, progress=Silent())
    assert 0 < asked < len(shared)
    assert not any(shared)


def test_an_adapter_that_changes_nothing_gives_the_same_numbers(run, tiny, diagnoses):
    _, baseline, tuned, _ = run(
        lambda: tiny("llama"), diagnoses, recipe("symptom_table"), template="symptoms", spread=0
    )
    assert [replace(p, model="baseline") for p in tuned] == baseline


def test_open_questions_get_a_likelihood_and_a_written_answer(run, tiny, record):
    asked = [record("Why?", id="q1", answer="Because."), record("How much water a day?", id="q2")]
    _, baseline, tuned, _ = run(
        lambda: tiny("llama"), asked, recipe("question_answer", max_new_tokens=9), template="question"
    )
    for prediction in [*baseline, *tuned]:
        assert isinstance(prediction.text, str)
        assert prediction.scores is prediction.choice is prediction.parsed is None
        assert prediction.nll > 0
        assert prediction.num_tokens == prediction.num_bytes + 1  # a byte a token, and the closing one


def test_written_answers_get_a_similarity_where_the_recipe_names_an_embedding_model(
    run, tiny, record, tmp_path
):
    folder = save_embedding_model(tmp_path / "embedding")
    asked = [record("Why?", id="q1", answer="Because."), record("How much water a day?", id="q2")]
    summary, baseline, tuned, _ = run(
        lambda: tiny("llama"),
        asked,
        recipe("question_answer", max_new_tokens=9, embedding_model=str(folder)),
        template="question",
    )
    for prediction in [*baseline, *tuned]:
        assert -1 <= prediction.similarity <= 1
        assert (prediction.similarity == 0) == (prediction.text == "")
    assert "pooling:mean" in summary["embedding"]


def test_options_are_scored_and_written_answers_parsed(run, tiny, exam):
    summary, baseline, _, _ = run(
        lambda: tiny("llama"),
        exam,
        recipe("multiple_choice", method="generate"),
        template="choices",
        answer="letter",
    )
    assert summary["method"] == "generate"
    for record, prediction in zip(exam, baseline, strict=True):
        assert list(prediction.scores) == list("ABCD"[: len(record.options)])
        assert prediction.text is not None
        assert prediction.parsed in {*prediction.scores, None}


def test_option_texts_are_scored_with_their_end(tiny, encoder_for, record):
    """Without an end an option that begins another one could never lose to it."""
    base = tiny("llama")
    asked = [
        record("What?", options=["aspirin", "aspirin and rest"], answer_index=1, answer="aspirin and rest")
    ]
    encoder = encoder_for(base.tokenizer, "choices", answer="text")
    settings = PredictionSettings(task="multiple_choice", method="score")
    (found,) = predict(base, encoder, asked, name="baseline", settings=settings, progress=Silent())
    assert found.scores["B"] == pytest.approx(-found.nll, abs=1e-4)  # the reference ends with its token


def test_options_that_an_explanation_may_follow_are_scored_open(tiny, encoder_for, record):
    base = tiny("llama")
    asked = [
        record("What?", options=["aspirin", "rest"], answer_index=1, answer="rest", explanation="It is.")
    ]
    encoder = encoder_for(base.tokenizer, "choices", answer="text_and_explanation")
    settings = PredictionSettings(task="multiple_choice", method="score")
    (found,) = predict(base, encoder, asked, name="baseline", settings=settings, progress=Silent())
    prompt = encoder.prompt(asked[0])
    for name, text in encoder.choices(asked[0]).items():
        row = torch.tensor([[*prompt.tokens, *encoder.completion(prompt, text, closed=False)]])
        with torch.no_grad():
            logprobs = torch.log_softmax(base.model(input_ids=row).logits[0], -1)
        wanted = sum(logprobs[place - 1, row[0, place]] for place in range(len(prompt.tokens), row.shape[1]))
        assert found.scores[name] == pytest.approx(float(wanted), abs=1e-4)


def test_prompts_at_the_end_of_the_context_still_get_an_answer(tiny, encoder_for, record):
    base = tiny("opt")  # 512 learned positions: one more is an index error
    encoder = encoder_for(base.tokenizer, "question", max_length=512, prompt_limit=508)
    asked = [record("long " * 200, id="q1"), record("Why?", id="q2")]
    settings = PredictionSettings(task="qa", method="generate", max_new_tokens=40)
    found = predict(base, encoder, asked, name="baseline", settings=settings, progress=Silent())
    assert [prediction.truncated for prediction in found] == [True, False]


def test_a_question_gets_the_same_written_answer_alone_and_among_others(tiny, encoder_for, record):
    """How much room an answer has depends on the question's own options."""
    base = tiny("llama")
    encoder = encoder_for(base.tokenizer, "choices", answer="text")
    asked = [
        record(
            "Which?", id=name, options=[letter * size for letter in "xy"], answer_index=0, answer="x" * size
        )
        for name, size in (("short", 5), ("long", 40))
    ]
    settings = PredictionSettings(task="multiple_choice", method="generate")

    def written(records) -> list[str | None]:
        found = predict(base, encoder, records, name="baseline", settings=settings, progress=Silent())
        return [row.text for row in found]

    together = written(asked)
    assert together == [*written(asked[:1]), *written(asked[1:])]
    assert len(together[0]) < len(together[1])


def test_the_batch_budget_does_not_change_predictions(tiny, encoder_for, diagnoses):
    base = tiny("llama")
    encoder = encoder_for(base.tokenizer)
    small, large = (
        predict(
            base,
            encoder,
            diagnoses,
            name="baseline",
            settings=PredictionSettings(task="diagnosis", method="generate", batch_tokens=tokens),
            progress=Silent(),
        )
        for tokens in (1, 10_000)
    )
    for one, many in zip(small, large, strict=True):
        assert one.scores == pytest.approx(many.scores, abs=1e-4)
        assert (one.choice, one.text, one.parsed) == (many.choice, many.text, many.parsed)


@pytest.mark.parametrize(("name", "error"), [("baseline", ModelError), ("tuned", DivergedError)])
def test_likelihoods_that_are_not_numbers_are_an_error(tiny, encoder_for, diagnoses, name, error):
    base = tiny("llama")
    base.model.lm_head.weight[5] = math.nan
    settings = PredictionSettings(task="diagnosis", method="score")
    with pytest.raises(error, match="not finite"):
        predict(base, encoder_for(base.tokenizer), diagnoses, name=name, settings=settings, progress=Silent())


def test_a_base_that_already_carries_an_adapter_is_no_baseline(run, tiny, diagnoses):
    adapted = tiny("opt")
    new_adapter(adapted, LoraSection(rank=2), seed=0)
    bases = iter([adapted, tiny("opt")])
    with pytest.raises(ValueError, match="without an adapter"):
        run(lambda: next(bases), diagnoses, recipe("symptom_table"), template="symptoms")


def test_plain_peft_reproduces_the_recorded_predictions(run, shared_data, record, tmp_path):
    folder = shared_data / "models" / "stories260K"
    with (shared_data / "symptom_disease" / "dataset.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1::250]
    labels = tuple(sorted({row[0].strip() for row in rows}))
    records = [
        record(
            ", ".join(cell.strip().replace("_", " ") for cell in row[1:] if cell),
            id=f"d{i}",
            label=row[0].strip(),
        )
        for i, row in enumerate(rows)
    ]
    section = ModelSection(base=str(folder), precision="fp32")
    _, _, tuned, encoder = run(
        lambda: load_base(section, device="cpu"),
        records,
        recipe("symptom_table"),
        template="symptoms",
        spread=0.05,
        labels=labels,
    )
    assert (tmp_path / "adapter" / WEIGHTS).is_file()
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    adapted = (
        PeftModel.from_pretrained(plain, tmp_path / "adapter", autocast_adapter_dtype=False).double().eval()
    )
    for asked, prediction in zip(records, tuned, strict=True):
        prompt = encoder.prompt(asked)
        for label, text in encoder.choices(asked).items():
            completion = encoder.completion(prompt, text, closed=True)
            with torch.no_grad():
                logits_TV = adapted(input_ids=torch.tensor([[*prompt.tokens, *completion]])).logits[0]
            logprobs_TV = torch.log_softmax(logits_TV[len(prompt.tokens) - 1 : -1], -1)
            wanted = float(logprobs_TV.gather(-1, torch.tensor(completion)[:, None]).sum())
            # Ours are sums of up to 100 nats in fp32; the reference adds no rounding of its own to that.
            assert prediction.scores[label] == pytest.approx(wanted, abs=1e-4, rel=2e-6)


def test_every_set_has_a_file_of_its_own_with_a_row_for_each_record(run, tiny, exam, record, tmp_path):
    train = [record(f"Train {i}?", id=f"t{i}", options=["ice", "rest"], answer_index=i % 2) for i in range(3)]
    summary, _, tuned, _ = run(
        lambda: tiny("llama"),
        exam,
        recipe("multiple_choice", permutations=2, also_score=["text"], few_shot=1, forgetting="off"),
        template="choices",
        answer="letter",
        others={"train": train, "validation": exam[:2]},
        max_length=900,
        prompt_limit=800,
    )
    ids = {path.stem: [row.id for row in read_predictions(path)] for path in (tmp_path / "4").iterdir()}
    of_test = [asked.id for asked in exam]
    both = ("baseline", "tuned")
    assert ids == {
        **dict.fromkeys(both, of_test),
        **{f"validation.{model}": of_test[:2] for model in both},
        **{f"test.{model}.{way}": of_test for model in both for way in ("rotated_1", "by_text")},
        "test.baseline.few_shot": of_test,
        "test.tuned.options_only": of_test,
    }
    assert summary["seconds"].keys() == ids.keys()
    assert len(summary["few_shot"]["shown"]) == 1
    for stem in ids:
        rows = list(read_predictions(tmp_path / "4" / f"{stem}.jsonl"))
        assert {row.model for row in rows} == {"tuned" if "tuned" in stem else "baseline"}
        assert all(row.text is None and row.choice == row.choices["sum"] for row in rows)
    # The tuned model's sets are asked of the tuned model.
    alone = list(read_predictions(tmp_path / "4" / "validation.tuned.jsonl"))
    for row, other in zip(alone, tuned[:2], strict=True):
        assert row.scores == pytest.approx(other.scores, abs=1e-4)


def test_a_few_shot_base_answers_open_questions_in_writing_and_over_the_same_reference_tokens(
    run, tiny, record, tmp_path
):
    asked = [record("Why?", id="q1", answer="Because."), record("How much water a day?", id="q2")]
    _, baseline, _, _ = run(
        lambda: tiny("llama"),
        asked,
        recipe("question_answer", max_new_tokens=5),
        template="question",
        others={"train": [record("When?", id="t1", answer="Now.")]},
        max_length=400,
        prompt_limit=300,
    )
    shown = list(read_predictions(tmp_path / "4" / "test.baseline.few_shot.jsonl"))
    for before, after in zip(baseline, shown, strict=True):
        assert isinstance(after.text, str)
        assert (after.num_tokens, after.num_bytes) == (before.num_tokens, before.num_bytes)
        assert after.nll != before.nll
        assert after.prompt_sha256 != before.prompt_sha256


class Watching(Silent):
    """Looks for predictions in memory whenever a piece of work begins."""

    def __init__(self) -> None:
        self.most = 0
        self.before = self._in_memory()

    def start(self, *_, **__) -> None:
        self.most = max(self.most, self._in_memory() - self.before)

    def _in_memory(self) -> int:
        gc.collect()
        return sum(type(found) is Prediction for found in gc.get_objects())


def test_memory_holds_the_predictions_of_one_set_at_a_time(run, tiny, diagnoses):
    watching = Watching()
    run(
        lambda: tiny("llama"),
        diagnoses,
        recipe("symptom_table", forgetting="off"),
        template="symptoms",
        others={"validation": diagnoses},
        progress=watching,
    )
    assert watching.most == len(diagnoses)


def test_run_json_keeps_how_many_test_records_did_not_fit(run, tiny, diagnoses):
    summary, baseline, *_ = run(
        lambda: tiny("llama"), diagnoses, recipe("symptom_table"), template="symptoms", prompt_limit=60
    )
    assert [row.truncated for row in baseline] == [False, True, False]
    assert summary["truncated"] == 1


def test_run_json_keeps_whether_the_adapter_was_merged(run, tiny, diagnoses):
    summary, *_ = run(lambda: tiny("llama"), diagnoses, recipe("symptom_table"), template="symptoms")
    assert summary["merged"] is True


def test_in_bf16_the_adapter_is_measured_as_it_is(run, tiny, diagnoses):
    make = lambda: tiny("llama", torch.bfloat16)  # noqa: E731
    summary, *_ = run(make, diagnoses, recipe("symptom_table"), template="symptoms")
    assert summary["merged"] is False
