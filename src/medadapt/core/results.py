"""What the later stages hand on: predictions of one model, and the estimates made from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from medadapt.core.files import read_numbered_jsonl
from medadapt.core.prediction_rows import bad_prediction, checked_prediction

ModelName = Literal["baseline", "tuned"]
MODEL_NAMES: tuple[ModelName, ...] = ("baseline", "tuned")
Verdict = Literal["better", "worse", "not shown"]

LOWER_IS_BETTER = frozenset({"loss", "perplexity", "bits_per_byte", "contradicted"})
NO_EFFECT_NATS = 1e-3
"""An adapter that moves no log-likelihood by more than this, and changes no decision, has no effect."""
START_ADAPTER = "start_adapter"
"""The layer of leakage from what the adapter of `model.adapter` was trained on, and the fact of run.json about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One line of a file in `4-predictions/`: what one model said of one record."""

    id: str
    """The record's id."""
    model: str
    prompt_sha256: str
    """Hash of the exact prompt text the model saw."""
    text: str | None = None
    """Greedy answer; null where the method only scores."""
    parsed: str | None = None
    """The label or option letter read from `text`; null where none could be read."""
    choice: str | None = None
    """Label or letter that wins under `evaluation.choice_by` (the first of equals); null for open questions."""
    scores: dict[str, float] | None = None
    """Log-likelihood in nats of each label, or of each option under its letter; with `evaluation.score_choices: best`
    of those labels that were read to their end, the best of all among them."""
    choices: dict[str, str] | None = None
    """The label or letter that wins under each rule: `sum`, `per_token`, `per_byte`, `relative`; with
    `evaluation.score_choices: best` the last only where it is the rule of the run."""
    probabilities: dict[str, float] | None = None
    """Softmax over the scores as `evaluation.choice_by` makes them; null where not all were looked at."""
    nll: float | None = None
    """Summed negative log-likelihood of the reference answer in nats, over the tokens that fit."""
    num_tokens: int | None = None
    """Reference tokens covered by `nll`, the closing token included where it fits."""
    num_bytes: int | None = None
    """UTF-8 bytes of the reference text those tokens spell."""
    truncated: bool = False
    """The prompt was shortened or the reference answer did not fit whole."""
    similarity: float | None = None
    """Cosine of the embeddings of `text` and the reference answer, -1 to 1, 0 where `text` is empty; null
    without `evaluation.embedding_model`."""

    @property
    def only_best(self) -> bool:
        """Whether no more labels were scored than it took to find the best (`evaluation.score_choices`)."""
        return self.choices is not None and self.probabilities is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric with its confidence interval at the run's alpha."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Test records behind the value."""
    reason: str | None = None
    """Why `value`, or its interval, could not be computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """tuned - baseline on the same records, paired."""

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    test: str
    """How p and the interval were made, for example `mcnemar-exact`."""
    p_adjusted: float | None = None
    """`p` after Holm's correction for the number of secondary metrics, subjects, rules of choice or kinds of
    contradiction judged together. The verdict rests on it where it is not null; null for what is judged alone, such
    as the primary metric."""
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What is needed to reproduce the numbers of `metrics.json`."""

    records_sha256: str
    prompt_sha256: str
    """Hash over the prompt hashes of all test records, in order."""
    base: str
    base_sha256: str
    adapter_sha256: str
    seed: int
    dtype: str
    versions: dict[str, str]
    fixed_sha256: str | None = None
    """Hash of the evaluation protocol as it was written down before the tuning."""
    fixed_before_tuning: bool | None = None
    """Whether that protocol is the one that these numbers follow; null where none was written down."""
    fixed_reason: str | None = None
    """Why not, or why it is not known."""
    edited: list[str] = field(default_factory=list)
    """Records and predictions that are not as their stage left them: what follows from them is no proof."""


def read_predictions(path: Path, *, model: ModelName | None = None) -> Iterator[Prediction]:
    """Predictions of one model, in the order of the test records.

    Raises DataError that names file and line where a line is damaged, is no prediction, is of another model
    than `model`, or repeats the record of an earlier line.
    """
    known = [f.name for f in fields(Prediction)]
    lines: dict[str, int] = {}
    for number, row in read_numbered_jsonl(path):
        values = checked_prediction(row, known, path=path, line=number, model=model)
        first = lines.setdefault(values["id"], number)
        if first != number:
            raise bad_prediction(path, number, f"it is of record {values['id']}, and so is line {first}")
        yield Prediction(**values)


Metrics = dict[str, Any]
"""The content of `5-metrics/metrics.json`, schema 1.

Always there: `schema task primary n num_groups alpha protocol baseline tuned intervals difference effect
detectable_difference detectable_reason controls against_control against_few_shot leakage clean uniform_loss rates
groups groups_left_out calibration findings`. `baseline`, `tuned` and each control hold an `Estimate` by metric,
`difference` a `Difference`.
`against_control` is a `Difference`, the tuned model minus the best control, with that control's `name` and the
`metric` compared: `accuracy` for closed tasks, or `accuracy_generated` where that is primary, and `token_f1` for open
ones. Without a control to compare, `name` and `value` are null, with a `reason`. `against_few_shot` is the tuned model
minus the base with examples in its prompt, by the primary metric. `clean` repeats `baseline tuned difference controls
against_control against_few_shot` on the `n` test records that leak in no layer, and counts the others by layer in
`left_out`; null with a `reason` where too few are left.
Where training started from an adapter, `leakage` has `start_adapter` {known, count, exact, near}: the test records that
overlap with what that one was trained on, as far as it is `known`.
`groups` {field: {value: {n, baseline, tuned, difference}}} holds the primary metric by subject and question type;
`groups_left_out` {field: reason} names those that records have and `groups` has not.
`bleu` and `chrf` go from 0 to 100, all other metrics of answers from 0 to 1, `similarity` from -1 to 1.

Closed tasks: `confusion` {labels, baseline, tuned: rows of counts}; `paired` {both_right, baseline_only,
tuned_only, neither}. Diagnosis: `per_class` {model: {label: {precision, recall, f1, support}}} and
`classification_report` {model: {accuracy, micro avg, macro avg, weighted avg}}, the averages with the keys
of `per_class`. `scoring_rules` {rule: {baseline, tuned: an `Estimate` of the accuracy, difference: a `Difference`}};
all rules but the one that carries the verdict are judged together. `permutations` {count, flip_rate {model:
`Estimate` over the records whose options moved}, accuracy {model: {mean, lowest, highest}}, averaged {model:
`Estimate`}}; a rule, or `permutations`, holds nothing but a `reason` where it is not known.

Open tasks with written answers: `signatures` {metric: how it was computed}; `soft_match` {metric, threshold,
n, errors: {baseline, tuned}, matrix: the keys of `paired`, value, low, high, p, test, reason}, where `value` is
the share right of tuned minus that of baseline.

`forgetting` {margin, one_sided_alpha, verdict: kept|not shown|lost, kinds: {prose|instructions: {n, baseline,
tuned, rise: {value, low, high}, verdict}}}: what tuning cost on general English, in nats per token; or a `reason`.
Each end of `rise` is that of a one-sided interval at `one_sided_alpha`; `kept` is a high end below the margin.

Where `evaluation.retrieval` is on, `retrieval` {search: {n, shown, without, recall {k: share}, mean_reciprocal_rank},
baseline, tuned: an `Estimate` by metric with passages in the prompt, difference: a `Difference` by the primary metric
each: of `baseline` and `tuned` with passages minus without, `tuned_with_over_baseline_with` and
`tuned_without_over_baseline_with`}.

Open tasks with written answers, `answer_shape`: {model: {length_ratio, repetitive}}, words of all answers by words of
all references, and the share of answers that have the same four words in a row at least three times.

Open tasks with written answers, `contrast`: {baseline, tuned: {kind: Estimate with `checkable`}, difference: {kind:
Difference with `n`}, silent: {model: share}, named: {model: {numbers, names: Estimate}}, examples: [{id, model,
findings: [{kind, answer, reference, said, wanted}]}]}. Kinds are `negation number unit comparison side name` and `any`.
A value is the share of answers with a contradiction among the `checkable` ones of all `n`; a difference is over the
`n` records where both answers are checkable. The kinds are judged together and have a `p_adjusted`; `any`, the
question to ask first, is judged alone. `named` is the share of the references' numbers or known names that the answers
repeat.

`calibration` of closed tasks: `n`, `few` (below 300 records) and for each model `temperature` {value, n_validation,
reason}, `nll`, `brier`, `ece`, `ece_debiased_squared`, `aurc` and `excess_aurc` (an `Estimate` each, `brier` with
`reliability`, `resolution` and `uncertainty`, `ece` with `if_calibrated`, what chance alone would give), the mean
`confidence`, `reliability` and `curve` (rows), `accuracy_at` {coverage: ...}, `after_temperature`, `thresholds`
{risk: {threshold, validation, test} or a null threshold with `reason`} and `confident_and_wrong`. Else a `reason`.
A `threshold` is of confidence at the `value` of that model's `temperature`, where it has one; what does not stand under
`after_temperature` is otherwise of confidence as the model gives it.

Where right and wrong are known (closed tasks, soft match): `error_length` {unit, edges, all, baseline, tuned}:
test records, and wrong ones of each model, by length of the question. k + 1 edges make k bins; a length that
equals an inner edge is in the bin above it, one that equals the last edge in the last bin.
"""
