"""What is read from the disk for a page, before a model is loaded."""

from __future__ import annotations

import pytest

from abstaining_run import with_validation
from medadapt.core.files import read_jsonl, write_jsonl
from medadapt.serving.abstention import abstention_rule
from medadapt.serving.command_targets import find_target
from medadapt.serving.page.opening import CAREFUL_RISK, open_target


@pytest.fixture
def measured_run(diagnosis_run, tmp_path):
    return with_validation(diagnosis_run, tmp_path / "run", right_above=0.4)


def rules_of(run, *, base=None):
    return open_target(find_target(str(run)), base=base).rules


def test_each_model_has_its_own_rule(measured_run):
    assert rules_of(measured_run) == {
        model: abstention_rule(str(measured_run), risk=CAREFUL_RISK, model=model)
        for model in ("baseline", "tuned")
    }


def test_a_model_that_is_wrong_where_it_is_sure_has_no_rule(measured_run):
    path = measured_run / "4-predictions" / "validation.baseline.jsonl"
    rows = list(read_jsonl(path))
    said = [{name: row[name] for name in ("choice", "scores", "probabilities")} for row in reversed(rows)]
    write_jsonl(path, [row | other for row, other in zip(rows, said, strict=True)])
    assert set(rules_of(measured_run)) == {"tuned"}


def test_why_a_model_has_no_rule_is_kept_for_its_panel(measured_run):
    (measured_run / "3-adapter" / "adapter_model.safetensors").write_bytes(b"another adapter")
    opened = open_target(find_target(str(measured_run)), base=None)
    assert set(opened.rules) == {"baseline"}
    assert "was exchanged since" in opened.unvouched["tuned"]


def test_nothing_vouches_for_models_without_validation_predictions_or_on_another_base(
    measured_run, base_folder
):
    assert rules_of(measured_run, base=str(base_folder)) == {}
    for model in ("baseline", "tuned"):
        (measured_run / "4-predictions" / f"validation.{model}.jsonl").unlink()
    assert rules_of(measured_run) == {}
