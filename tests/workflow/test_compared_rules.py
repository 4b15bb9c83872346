"""Which rules of measuring differ between two runs that are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.recipe_reading import recipe_from
from medadapt.workflow.comparing import MeasuredRun, _other_rules
from medadapt.workflow.measured import Measured

OF_FIRST = "that of the first run is used."
OWN = "each run keeps its own, so not only the adapters differ."


def side(data_format: str, *overrides: str) -> MeasuredRun:
    values = {"data": {"format": data_format, "source": "rows"}, "model": {"base": "b"}}
    return MeasuredRun(
        folder=Path("run"),
        recipe=recipe_from(values, where="test", overrides=overrides),
        smoke=False,
        facts={},
        protocol={},
        measured=Measured(test=[], baseline=[], tuned=[], further={}),
    )


@pytest.mark.parametrize(
    ("data_format", "override", "told"),
    [
        (
            "symptom_table",
            "evaluation.primary=macro_f1",
            f"The primary metrics differ: accuracy and macro_f1; {OF_FIRST}",
        ),
        ("symptom_table", "evaluation.alpha=0.1", f"The levels alpha differ: 0.05 and 0.1; {OF_FIRST}"),
        (
            "symptom_table",
            "evaluation.bootstrap_samples=200",
            f"The numbers of bootstrap samples differ: 10000 and 200; {OF_FIRST}",
        ),
        (
            "typed_qa",
            "evaluation.soft_match.threshold=0.75",
            f"The rules of the soft match differ: token_f1 from 0.5 and token_f1 from 0.75; {OF_FIRST}",
        ),
        (
            "symptom_table",
            "evaluation.choice_by=per_byte",
            f"The rules of choosing differ: sum and per_byte; {OWN}",
        ),
        ("symptom_table", "evaluation.method=generate", f"The methods differ: score and generate; {OWN}"),
        (
            "typed_qa",
            "evaluation.max_new_tokens=8",
            f"The lengths of written answers differ: auto and 8; {OWN}",
        ),
        (
            "symptom_table",
            "data.aliases={shakes: Malaria}",
            "The aliases differ, by which written answers are read; each run keeps its own.",
        ),
    ],
)
def test_a_rule_that_differs_is_told(data_format, override, told):
    assert list(_other_rules(side(data_format), side(data_format))) == []
    assert list(_other_rules(side(data_format), side(data_format, override))) == [told]
