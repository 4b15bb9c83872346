"""The recipe: closed, frozen, explained, with checks that reach across sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from medadapt.core.recipe import NAME, LoraSection, ModelSection, PromptSection, Recipe, dump
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.records import TASK_OF_FORMAT

SMALLEST: dict[str, Any] = {
    "data": {"format": "symptom_table", "source": "a.csv"},
    "model": {"base": "some/model"},
}
EVERYTHING: dict[str, Any] = {
    "name": "All.of_it-1",
    "data": {
        "format": "multiple_choice",
        "source": "a.jsonl",
        "columns": {"question": "stem", "answer_index": "cop"},
        "choice_type": "single",
        "answer_base": "letter",
        "limit": {"rows": 7, "by": "explanation_length"},
        "aliases": {"no": "none", "1": "one"},
        "split": {"train": 0.6, "validation": 0.1, "test": 0.3, "group": "none", "stratify": "none"},
        "allow_leak": True,
    },
    "prompt": {
        "template": "medical_question",
        "chat_template": "never",
        "system": "Be brief: yes?\n",
        "options": False,
        "answer": "text_and_explanation",
    },
    "examples": {"max_length": 384, "long_answer": "drop"},
    "model": {
        "base": "./m",
        "revision": "abc",
        "quantization": "nf4",
        "precision": "bf16",
        "offload": "cpu",
        "adapter": "hub:some/adapter",
        "trust_remote_code": True,
    },
    "lora": {"rank": 8, "alpha": 8.5, "dropout": 0, "targets": ["q_proj", "v_proj"], "variant": "dora"},
    "training": {
        "epochs": 0.5,
        "batch_size": 1,
        "learning_rate": 1e-5,
        "schedule": "constant",
        "warmup": 20,
        "weight_decay": 0,
        "max_grad_norm": None,
        "eval_every": 10,
        "log_every": 1,
        "checkpointing": "on",
        "micro_tokens": 512,
        "early_stopping": 2,
        "backend": "trl",
        "trainer": {"neftune_noise_alpha": 5.0},
        "tracking": [],
    },
    "evaluation": {
        "primary": "accuracy_generated",
        "method": "generate",
        "max_new_tokens": 20,
        "alpha": 0.1,
        "bootstrap_samples": 100,
        "choice_by": "relative",
        "few_shot": 8,
        "retrieval": True,
        "forgetting": "off",
    },
    "seed": 42,
}


def recipe(**sections: Any) -> Recipe:
    return Recipe.model_validate({**SMALLEST, **sections})


def test_data_and_model_are_all_that_must_be_given():
    required = {name for name, field in Recipe.model_fields.items() if field.is_required()}

    assert required == {"data", "model"}
    assert recipe().name == "run"


def test_every_key_of_every_section_has_a_sentence():
    schema = Recipe.model_json_schema()
    sections = {"recipe": schema, **schema["$defs"]}

    for name, section in sections.items():
        assert section["description"], name
        for key, field in section["properties"].items():
            described = field if "$ref" not in field else schema["$defs"][field["$ref"].rpartition("/")[2]]
            assert described.get("description", "").strip().endswith("."), f"{name}.{key}"


def test_the_schema_is_closed_to_unknown_keys():
    schema = Recipe.model_json_schema()

    assert all(section["additionalProperties"] is False for section in (schema, *schema["$defs"].values()))


def test_defaults_are_the_documented_ones():
    plain = recipe()

    assert (plain.lora.rank, plain.lora.alpha, plain.lora.dropout) == (16, 32, 0.05)
    training = plain.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (3, 8, 2e-4)
    assert (training.schedule, training.warmup, training.max_grad_norm) == ("cosine", 0.1, 1.0)
    assert (plain.evaluation.alpha, plain.evaluation.bootstrap_samples) == (0.05, 10000)
    assert (plain.data.split.train, plain.data.split.validation, plain.data.split.test) == (0.8, 0.1, 0.1)


@pytest.mark.parametrize("section", [None, "data", "prompt", "model", "lora", "training", "evaluation"])
def test_no_value_can_be_set_afterwards(section: str | None):
    made = recipe()
    target = made if section is None else getattr(made, section)

    with pytest.raises(ValidationError, match="frozen"):
        setattr(target, next(iter(type(target).model_fields)), "other")


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=["smallest", "everything"])
def test_a_dumped_recipe_reads_back_as_the_same_recipe(values: dict[str, Any]):
    first = recipe_from(values, where="r.yaml")

    assert recipe_from(dump(first), where="r.yaml") == first


def test_the_example_with_everything_leaves_no_default_in_the_sections_it_tries():
    made = recipe_from(EVERYTHING, where="r.yaml")
    # For open questions, for labels, for options in the prompt, and for checkpoints, which TRL does not save.
    elsewhere = {"soft_match", "embedding_model", "permutations", "also_score", "save_every", "keep"}
    elsewhere |= {"forgetting_margin", "score_choices"}

    for name in ("prompt", "examples", "model", "lora", "training", "evaluation"):
        section = getattr(made, name)
        for key, field in type(section).model_fields.items():
            assert key in elsewhere or getattr(section, key) != field.default, f"{name}.{key}"


def test_a_dumped_recipe_holds_every_default():
    dumped = dump(recipe())

    assert list(dumped) == list(Recipe.model_fields)
    assert dumped["training"]["tracking"] == ["tensorboard"]
    assert dumped["data"]["split"]["group"] == "auto"


@given(st.text(alphabet=st.sampled_from("ab1._-/\\~:\0\n .")) | st.text())
@example("..")
@example("a/../../b")
@example("a\n")
@example(".hidden")
@example("-o")
@example("")
def test_an_accepted_name_never_leaves_the_folder_of_runs(name: str):
    try:
        accepted = recipe(name=name).name
    except ValidationError:
        return

    runs = Path("/home/runs")
    assert accepted == name
    assert (runs / name).resolve().parent == runs
    assert not name.startswith(("-", "."))


@given(st.from_regex(NAME, fullmatch=True))
def test_plain_names_are_accepted(name: str):
    assert recipe(name=name).name == name


def test_a_name_of_more_than_100_characters_is_refused():
    with pytest.raises(ValidationError, match="letters, digits"):
        recipe(name="a" * 101)


@pytest.mark.parametrize("data_format", TASK_OF_FORMAT)
def test_primary_is_accuracy_for_closed_tasks_and_bits_per_byte_for_open_ones(data_format: str):
    made = recipe(data={"format": data_format, "source": "a"})

    assert made.primary == ("bits_per_byte" if made.task == "qa" else "accuracy")


def test_a_primary_that_is_asked_for_stands():
    assert recipe(evaluation={"primary": "macro_f1"}).primary == "macro_f1"


@pytest.mark.parametrize("primary", ["accuracy", "macro_f1", "accuracy_generated"])
def test_open_questions_have_no_accuracy(primary: str):
    with pytest.raises(ValidationError, match="asks open questions"):
        recipe(data={"format": "typed_qa", "source": "a"}, evaluation={"primary": primary})


OPEN_QUESTIONS = {"format": "typed_qa", "source": "a"}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"data": OPEN_QUESTIONS, "evaluation": {"method": "score", "primary": "rougeL"}},
            "compares written answers",
        ),
        (
            {"data": OPEN_QUESTIONS, "evaluation": {"primary": "similarity"}},
            r"needs evaluation\.embedding_model",
        ),
        ({"model": {"base": "sample:base", "revision": "main"}}, "comes with MedAdapt; remove revision"),
        (
            {"data": {"format": "multiple_choice", "source": "a"}, "evaluation": {"permutations": 9}},
            "less than or equal to 8",
        ),
    ],
)
def test_what_no_run_could_load_or_measure_is_refused_before_it_begins(sections: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        recipe(**sections)


def test_a_likeness_can_be_the_primary_metric_of_written_answers():
    assert recipe(data=OPEN_QUESTIONS, evaluation={"primary": "rougeL"}).primary == "rougeL"


def test_written_answers_must_be_generated_to_be_marked():
    with pytest.raises(ValidationError, match=r"set evaluation\.method: generate"):
        recipe(evaluation={"primary": "accuracy_generated"})


@pytest.mark.parametrize(
    ("data_format", "template"),
    [
        ("symptom_table", "choices"),
        ("symptom_table", "question"),
        ("typed_qa", "symptoms"),
        ("typed_qa", "choices"),
        ("multiple_choice", "symptoms"),
        ("multiple_choice", "typed_question"),
    ],
)
def test_a_template_of_another_format_is_refused(data_format: str, template: str):
    with pytest.raises(ValidationError, match=f"'{template}' does not suit data.format '{data_format}'"):
        recipe(data={"format": data_format, "source": "a"}, prompt={"template": template})


def test_a_letter_of_hidden_options_is_refused():
    with pytest.raises(ValidationError, match="names an option that options: false hides"):
        PromptSection(options=False, answer="letter")


def test_foreign_code_needs_a_pinned_commit():
    with pytest.raises(ValidationError, match=r"pin the commit you have read as model\.revision"):
        ModelSection(base="m", trust_remote_code=True)

    assert ModelSection(base="m", trust_remote_code=True, revision="abc").trust_remote_code


@pytest.mark.parametrize(
    "split", [{"train": 0.5}, {"train": 0.9, "validation": 0.1, "test": 0.1}, {"train": 1.0}]
)
def test_shares_must_add_up_to_one(split: dict[str, float]):
    with pytest.raises(ValidationError, match="must add up to 1, not to"):
        recipe(data={**SMALLEST["data"], "split": split})


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.7, 0.2, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.9, 0, 0.1)])
def test_shares_are_added_up_with_their_rounding(shares: tuple[float, float, float]):
    split = dict(zip(("train", "validation", "test"), shares, strict=True))

    assert recipe(data={**SMALLEST["data"], "split": split}).data.split.test == shares[2]


@pytest.mark.parametrize("split", [{"train": 0.9, "test": 0.0}, {"train": 0.0, "test": 0.9}])
def test_a_run_has_training_and_test_records(split: dict[str, float]):
    with pytest.raises(ValidationError, match="greater than 0"):
        recipe(data={**SMALLEST["data"], "split": split})


@pytest.mark.parametrize(("alpha", "swaps"), [(0.05, 100), (0.01, 100), (0.005, 200), (0.0015, 666)])
def test_the_least_number_of_swaps_with_which_a_p_can_be_below_alpha_is_taken(alpha: float, swaps: int):
    made = recipe(evaluation={"primary": "loss", "alpha": alpha, "bootstrap_samples": swaps})

    assert 1 / (made.evaluation.bootstrap_samples + 1) < alpha


def test_no_number_of_swaps_is_asked_for_where_the_p_of_the_primary_metric_is_exact():
    assert recipe(evaluation={"alpha": 0.001, "bootstrap_samples": 100}).primary == "accuracy"


def test_an_adapter_on_nothing_is_refused():
    with pytest.raises(ValidationError, match="an empty list trains nothing"):
        LoraSection(targets=())


@pytest.mark.parametrize(
    ("training", "sections", "named"),
    [
        ({"early_stopping": 2}, {}, r"training\.early_stopping"),
        ({"backend": "trl"}, {}, r"training\.backend"),
        (
            {"backend": "trl", "trainer": {"optim": "sgd"}},
            {"search": {"trials": 2}},
            r"search, training\.trainer, training\.backend",
        ),
    ],
)
def test_where_nothing_is_trained_settings_of_training_are_refused(
    training: dict[str, Any], sections: dict[str, Any], named: str
):
    model = {"base": "b", "adapter": "a"}
    with pytest.raises(ValidationError, match=f"so nothing reads {named}; remove"):
        recipe(model=model, training={"epochs": 0, **training}, **sections)

    assert recipe(model=model, training={"epochs": 0}).training.epochs == 0


NUMBERS = (
    ("lora", "alpha"),
    ("lora", "dropout"),
    ("training", "epochs"),
    ("training", "learning_rate"),
    ("training", "warmup"),
    ("training", "weight_decay"),
    ("training", "max_grad_norm"),
    ("evaluation", "alpha"),
)


@pytest.mark.parametrize(("section", "key"), NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1])
def test_numbers_are_finite_and_in_range(section: str, key: str, value: float):
    with pytest.raises(ValidationError):
        recipe(**{section: {key: value}})


READY_MADE = {"format": "question_answer", "source": {"train": "a.csv", "test": "hub:o/n:test"}}


def test_ready_made_splits_need_no_validation():
    assert recipe(data=READY_MADE).data.source == READY_MADE["source"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"source": {"train": "a.csv"}}, "ready-made splits without test"),
        ({"source": {"validation": "a.csv"}}, "ready-made splits without train and test"),
        ({"source": {"train": "", "test": "b.csv"}}, "at least 1 character"),
        ({"split": {"train": 0.7, "validation": 0.1, "test": 0.2}}, "never mixed; remove split"),
        ({"split": {"group": "none"}}, "never mixed; remove split"),
        ({"source": "a.csv", "revision": "v1"}, "revision is a commit or tag of a hub data set"),
    ],
)
def test_keys_that_contradict_the_source_are_refused(data: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        recipe(data={**READY_MADE, **data})


def test_a_revision_serves_any_hub_data_set_among_the_splits():
    assert recipe(data={**READY_MADE, "revision": "v1"}).data.revision == "v1"


@pytest.mark.parametrize(("written", "meant"), [(True, "on"), (False, "off"), ("auto", "auto")])
def test_yaml_reads_a_bare_on_or_off_as_a_truth_value_and_it_is_taken(written: Any, meant: str):
    assert recipe(training={"checkpointing": written}).training.checkpointing == meant
