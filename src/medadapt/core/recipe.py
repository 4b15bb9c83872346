"""The recipe: one YAML file that holds every choice of a run.

Sections are frozen and small. The sentence under a field is its help text, its line in the JSON Schema
(editor completion) and its line in the reference documentation, so it is written for users. Only `data`
and `model` must be given; every default is the good choice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

from medadapt.core.choice_rules import ChoiceRule
from medadapt.core.recipe_rules import mistakes_between_sections
from medadapt.core.records import TASK_OF_FORMAT, Task
from medadapt.core.search_ranges import flat_keys
from medadapt.core.text_metrics import TextMetric

Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Place = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Quantization = Literal["none", "int8", "nf4"]

RECOGNISED_COLUMNS = (
    "id", "question", "answer", "label", "context", "type", "options", "answer_index",
    "explanation", "subject", "topic", "choice_type", "group",
)  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Section(BaseModel):
    """A part of the recipe: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads a bare `on`, `yes` or `no` as true or false, and a number would be made of it: 1 or 0."""
        field = cls.model_fields.get(info.field_name or "")
        kinds = set(_kinds_in(field.annotation)) if isinstance(value, bool) and field else set()
        if kinds & {int, float} and bool not in kinds:
            raise PydanticKnownError("int_type" if int in kinds else "float_type")
        return value


def _kinds_in(annotation: Any) -> Iterator[Any]:
    """A type and all those that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds_in(part)


class SplitSection(Section):
    """How records are shared out. Shares are targets: groups are never torn apart."""

    train: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of records to train on."""
    validation: Share = 0.1
    """Share of records to choose the best step on; 0 is allowed."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of records to measure on. They are never trained on and never chosen by."""
    group: Literal["auto", "none"] = "auto"
    """`auto` keeps near-duplicate inputs and rows of one document together; `none` splits row by row."""
    stratify: Literal["auto", "none"] = "auto"
    """`auto` keeps the shares of the labels alike in every split where there are labels."""

    @model_validator(mode="after")
    def _shares_make_one(self) -> SplitSection:
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"train, validation and test must add up to 1, not to {total:g}")
        return self


class LimitSection(Section):
    """Keep only so many rows of the source."""

    rows: Annotated[int, Field(ge=1)]
    """How many rows to keep."""
    by: Literal["random", "explanation_length"] = "random"
    """`random` draws by the seed; `explanation_length` (multiple_choice) keeps the longest explanations."""


class DataSection(Section):
    """Where the questions come from and how they are read."""

    format: Literal["symptom_table", "typed_qa", "dialogue", "question_answer", "multiple_choice"]
    """What the rows are: a symptom table, typed questions, dialogues, question/answer pairs, or an exam."""
    source: Place | dict[Literal["train", "validation", "test"], Place]
    """A file, folder or glob; `hub:owner/name`, with `/config` and `:split` behind it where it has several;
    `sample:NAME`; or ready-made splits by name, which are never mixed: `{train: a.csv, test: b.csv}`, with
    `validation` where there is one. The files of a folder or glob are one source, whatever they are called."""
    revision: str | None = None
    """Commit or tag of a hub data set; empty takes its newest commit, which data.json then names."""
    columns: dict[Literal[RECOGNISED_COLUMNS], str] = {}  # type: ignore[valid-type]
    """Column names, where they are not recognised by themselves: `{label: Diagnosis}`."""
    types: tuple[str, ...] = ()
    """typed_qa: keep only these question types; upper and lower case are alike."""
    choice_type: str | None = None
    """multiple_choice: keep only rows of this choice type (`single`); a row without one is kept."""
    answer_base: Literal["auto", 0, 1, "letter"] = "auto"
    """multiple_choice: whether the answer column counts from 0, from 1, or is a letter."""
    limit: LimitSection | None = None
    """Keep only so many rows: `{rows: 10000, by: random}`. Of ready-made splits it shortens train alone."""
    aliases: dict[str, str] = {}
    """Other spellings of labels or answers: `{heart attack: Myocardial infarction}`."""
    split: SplitSection = SplitSection()
    """Shares of train, validation and test, and what must stay together."""
    allow_leak: bool = False
    """Go on, with exit code 0, although test questions also occur in train or validation."""

    @field_validator("aliases", mode="before")
    @classmethod
    def _numbers_are_labels_too(cls, aliases: Any) -> Any:
        """YAML reads the key of `{0: Influenza}` as a number."""
        if not isinstance(aliases, dict):
            return aliases
        named = {str(key) if type(key) is int else key: value for key, value in aliases.items()}
        return named if len(named) == len(aliases) else aliases

    @model_validator(mode="after")
    def _ready_made_splits_stay_as_they_are(self) -> DataSection:
        if isinstance(self.source, str):
            return self
        if missing := [name for name in ("train", "test") if name not in self.source]:
            raise ValueError(
                f"source gives ready-made splits without {' and '.join(missing)}; name a file for train and one for "
                "test, or give one source that is split by data.split"
            )
        if self.split != SplitSection():
            raise ValueError(
                "split shares out one source, but source gives ready-made splits, which are never mixed; remove split"
            )
        return self

    @model_validator(mode="after")
    def _a_revision_needs_the_hub(self) -> DataSection:
        sources = [self.source] if isinstance(self.source, str) else self.source.values()
        if self.revision is not None and not any(source.startswith("hub:") for source in sources):
            raise ValueError(
                "revision is a commit or tag of a hub data set, but source names none; remove revision, or write "
                "source: hub:owner/name"
            )
        return self


class PromptSection(Section):
    """How a record becomes the text the model reads."""

    template: Literal[
        "auto", "symptoms", "typed_question", "question", "medical_question", "choices", "dialogue"
    ] = "auto"
    """The wording around the question; `auto` picks the one of the data format."""
    chat_template: Literal["auto", "never", "always"] = "auto"
    """Whether the model's own chat template wraps the prompt; `auto` does where the model has one."""
    system: str | None = None
    """An instruction put before the question."""
    options: bool = True
    """multiple_choice: show the options in the prompt."""
    answer: Literal["auto", "letter", "text", "text_and_explanation"] = "auto"
    """multiple_choice: what the model answers with."""

    @model_validator(mode="after")
    def _a_letter_needs_its_option(self) -> PromptSection:
        if self.answer == "letter" and not self.options:
            raise ValueError("answer 'letter' names an option that options: false hides; use answer: text")
        return self


class ExamplesSection(Section):
    """How texts become tokens."""

    max_length: Auto | Annotated[int, Field(ge=16)] = "auto"
    """Most tokens of prompt and answer together; `auto` is the model's context, at most 2048."""
    long_answer: Literal["cut", "drop"] = "cut"
    """A training answer that does not fit is cut (and trained without its end) or dropped."""


class ModelSection(Section):
    """The base model and how it is held in memory."""

    base: Annotated[str, Field(min_length=1)]
    """A local folder, a Hugging Face model id, or `sample:base`, the small model that comes with MedAdapt."""
    revision: str | None = None
    """Commit or tag of a hub model."""
    quantization: Quantization = "none"
    """How the frozen weights are stored: as they are, in 8 bits, or in 4 bits (QLoRA)."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """Number format of the frozen weights; `auto` is bf16 where the device is fast at it, else fp16 on a
    GPU and fp32 on a CPU."""
    offload: Literal["none", "cpu"] = "none"
    """`cpu` keeps layers that do not fit on the GPU in main memory, unquantised; slow, but it runs. Where it
    has nothing to do, without a GPU for one, the run says so."""
    adapter: str | None = None
    """A PEFT adapter of this base to start from: a folder or `hub:owner/name[@revision]`. With
    `training.epochs: 0` it is only evaluated."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Needs a pinned `revision`."""

    @model_validator(mode="after")
    def _a_bundled_base_has_no_revision(self) -> ModelSection:
        if self.base.startswith("sample:") and self.revision is not None:
            raise ValueError(
                f"revision is a commit or tag of a hub model, but {self.base} comes with MedAdapt; remove revision"
            )
        return self

    @model_validator(mode="after")
    def _remote_code_needs_a_commit(self) -> ModelSection:
        if self.trust_remote_code and self.revision is None:
            raise ValueError(
                "trust_remote_code runs code of the model's authors; pin the commit you have read as model.revision"
            )
        return self


class LoraSection(Section):
    """Which weights the adapter may change, and how much room it gets."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Width of the low-rank update. Adapter size grows in proportion."""
    alpha: Positive = 32
    """Strength of the update; it is scaled by alpha / rank, for `rslora` by alpha / sqrt(rank)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the adapter's inputs that is silenced in training."""
    targets: Literal["all-linear", "attention"] | tuple[str, ...] = "all-linear"
    """Which linear layers of the text decoder get an adapter: all of them, attention's, or a list of names."""
    variant: Literal["lora", "rslora", "dora"] = "lora"
    """Plain LoRA; `rslora`, whose strength holds at high ranks; or `dora`, which also trains the length of
    every output's weights and takes longer."""

    @field_validator("targets")
    @classmethod
    def _some_targets(cls, targets: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not targets:
            raise ValueError("an empty list trains nothing; name at least one module or use all-linear")
        return targets


Schedule = Literal["cosine", "linear", "constant"]


HOW_A_STEP_IS_CUT = ("checkpointing", "micro_tokens")
"""Keys of `training` that change the speed and memory of a step and not its gradient."""


class TrainingSection(Section):
    """How the adapter is trained."""

    epochs: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3
    """Passes over the training records; a fraction is allowed. 0 evaluates `model.adapter` as it is."""
    batch_size: Annotated[int, Field(ge=1)] = 8
    """Examples in one optimiser step, however the engine cuts it up."""
    learning_rate: Positive = 2.0e-4
    """Highest learning rate of the schedule."""
    schedule: Schedule = "cosine"
    """How the learning rate falls after the warm-up."""
    warmup: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    """Below 1 a share of all steps, from 1 on a number of steps."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    """AdamW's decay of the adapter's weights."""
    max_grad_norm: Positive | None = 1.0
    """Gradients are scaled down to this norm; null leaves them as they are."""
    eval_every: Literal["auto", "epoch"] | Annotated[int, Field(ge=1)] = "auto"
    """When the validation loss is measured: each epoch, or every so many steps. `auto`: about ten times in a
    training, or as often as an eighth of its time pays for, but about four times and once an epoch at least; always ten
    with early_stopping and in a search, which count evaluations."""
    save_every: Literal["auto", "epoch"] | Annotated[int, Field(ge=1)] = "auto"
    """When a checkpoint is written: each epoch, or every so many steps; auto also writes one after ten minutes."""
    keep: Annotated[int, Field(ge=1)] = 3
    """How many checkpoints to keep."""
    early_stopping: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many evaluations in a row without a better validation loss; empty trains to the end. The
    learning rate follows the whole plan all the same, so that stopping changes no step before it."""
    log_every: Annotated[int, Field(ge=1)] = 10
    """After how many steps the trackers hear of the loss again; the console and steps.jsonl show every step."""
    checkpointing: Literal["auto", "on", "off"] = "auto"
    """Recompute activations in the backward pass to save memory. `auto` does so for rows that would not fit
    otherwise, for all where next to nothing fits or TRL trains, and with layers in main memory."""
    micro_tokens: Auto | Annotated[int, Field(ge=1)] = "auto"
    """Most tokens in one forward pass. It changes speed and memory, never the gradient (at dropout 0; with
    int8 up to its rounding, because it picks the columns that it keeps in 16 bits from the whole batch)."""
    backend: Literal["native", "trl"] = "native"
    """The engine that trains: MedAdapt's own, or TRL's SFTTrainer on the same examples in the same order. TRL
    saves no checkpoints, so a training that is stopped begins anew."""
    trainer: dict[str, Any] = {}
    """backend trl: further settings of TRL's SFTConfig, by its own names, where no key of the recipe has them."""
    tracking: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ("tensorboard",)
    """Where curves are sent besides steps.jsonl. W&B stays offline without a login, and MLflow in the run
    folder without MLFLOW_TRACKING_URI."""

    @field_validator("checkpointing", mode="before")
    @classmethod
    def _on_and_off_without_quotes(cls, value: Any) -> Any:
        """YAML reads a bare `on` or `off` as true or false."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _trl_saves_nothing(self) -> TrainingSection:
        fields = type(self).model_fields
        idle = [key for key in ("save_every", "keep") if getattr(self, key) != fields[key].default]
        if self.backend == "trl" and idle:
            raise ValueError(
                f"{' and '.join(idle)} would have no effect, because backend trl saves no checkpoints; remove "
                "what is named here, or use backend: native"
            )
        return self


class SoftMatchSection(Section):
    """When a free-text answer counts as right: its likeness to the reference reaches a threshold."""

    metric: Literal["token_f1", "rouge1", "rougeL", "fuzzy"] = "token_f1"
    """The likeness, from 0 to 1."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Least likeness of a right answer. It says how alike two texts are, not whether medicine agrees."""


class EvaluationSection(Section):
    """How both models are measured."""

    primary: Literal[
        "auto", "accuracy", "macro_f1", "loss", "perplexity", "bits_per_byte", "accuracy_generated", TextMetric
    ] = "auto"  # fmt: skip
    """The one metric that carries the verdict; `auto` is accuracy, or bits per byte for open questions."""
    method: Literal["auto", "score", "generate"] = "auto"
    """`score` compares likelihoods only; `generate` also lets both models write their answers."""
    max_new_tokens: Auto | Annotated[int, Field(ge=1)] = "auto"
    """Longest written answer in tokens; only for answers that are written, as method `generate` does."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Level of the intervals and tests: 0.05 means 95 % intervals."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 10000
    """Resamples behind each bootstrap interval, and random swaps of the models behind each p that is not exact."""
    soft_match: SoftMatchSection = SoftMatchSection()
    """Open questions: when a written answer counts as right in the table of errors."""
    embedding_model: str | None = None
    """Open questions: a local folder with a sentence-embedding model, for the metric `similarity`."""
    choice_by: ChoiceRule = "sum"
    """Labels and options: the one with the highest log-likelihood is chosen, as it is (`sum`), divided by its
    tokens or bytes, or less what it has without the question (`relative`). metrics.json tells of all four."""
    score_choices: Literal["all", "best"] = "all"
    """Labels: `all` scores every one; probabilities, calibration and abstention need that. `best` reads only as many as
    it takes to find the same choices: several times as fast for a tuned model that is sure, a little slower for one
    that is not, such as the base. A run asks both."""
    few_shot: Auto | Annotated[int, Field(ge=0, le=32)] = "auto"
    """How many training records the base is shown with their answers before it is asked, as a control; `auto` is
    5, or as many as fit, and 0 leaves the control out."""
    permutations: Annotated[int, Field(ge=1, le=8)] = 1
    """multiple_choice with options in the prompt: ask that many times, each time with the options moved on by one
    place, to see whether the place decides; 1 asks once."""
    also_score: tuple[Literal["letter", "text"], ...] = ()
    """multiple_choice: score the options this other way, too; the primary figures do not change."""
    retrieval: bool = False
    """Ask both models once more with passages of the training records in the prompt, and compare."""
    forgetting: Literal["auto", "off"] = "auto"
    """`auto` measures the likelihood of bundled general English before and after tuning; `off` does not."""
    forgetting_margin: Positive = 0.05
    """The rise of that loss, in nats per token, that still counts as nothing forgotten."""


class SearchSection(Section):
    """Which settings a search tries."""

    trials: Annotated[int, Field(ge=1)] = 8
    """How many settings to try; lists of values and `int` ranges with fewer combinations end earlier."""
    vary: dict[str, Any] = {"training.learning_rate": {"log": [5.0e-5, 5.0e-4]}}
    """Keys of `training`, `lora`, `model.quantization` or `model.precision`, and what to try for each:
    `{log: [low, high]}`, `{uniform: [low, high]}`, `{int: [low, high]}`, or a list of values, which may also be
    written as `{choice: [...]}`."""
    scheduler: Literal["none", "asha"] = "none"
    """`asha` stops a trial early when others did better after as many evaluations."""
    concurrent: Annotated[int, Field(ge=1)] = 1
    """Trials that run at the same time; each on a GPU of its own where there are GPUs."""

    @field_validator("vary", mode="before")
    @classmethod
    def _keys_are_paths(cls, vary: Any) -> Any:
        """`{training: {learning_rate: ...}}`, as `--set` writes it, is `{training.learning_rate: ...}`."""
        return flat_keys(vary) if isinstance(vary, dict) else vary


class Recipe(Section):
    """Everything one run needs to know."""

    name: str = "run"
    """Names the run folder `runs/<name>`: letters, digits, `.`, `_` and `-`."""
    data: DataSection
    prompt: PromptSection = PromptSection()
    examples: ExamplesSection = ExamplesSection()
    model: ModelSection
    lora: LoraSection = LoraSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    search: SearchSection | None = None
    """Settings for `medadapt search`; a plain run ignores them."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Fixes every random choice of the run."""

    @property
    def task(self) -> Task:
        """What kind of question this is."""
        return TASK_OF_FORMAT[self.data.format]

    @property
    def primary(self) -> str:
        """The metric that carries the verdict, `auto` resolved."""
        if self.evaluation.primary != "auto":
            return self.evaluation.primary
        return "bits_per_byte" if self.task == "qa" else "accuracy"

    @property
    def method(self) -> Literal["score", "generate"]:
        """How both models are measured, `auto` resolved: open questions are also answered in writing."""
        if self.evaluation.method != "auto":
            return self.evaluation.method
        return "generate" if self.task == "qa" else "score"

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("use letters, digits, '.', '_' and '-' only, starting with a letter or digit")
        return name

    @model_validator(mode="after")
    def _sections_go_together(self) -> Recipe:
        # One validator for all rules, because pydantic stops at the first of several: a mistake a line.
        if mistakes := list(mistakes_between_sections(self)):
            raise ValueError("\n".join(mistakes))
        return self


def dump(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe as plain values, defaults included, in the order of the schema."""
    return recipe.model_dump(mode="json")
