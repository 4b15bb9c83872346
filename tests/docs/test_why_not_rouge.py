"""The table of the page on ROUGE is what the code computes today."""

from __future__ import annotations

import re

import pytest
from rouge_score.rouge_scorer import RougeScorer
from shell_blocks import REPOSITORY

from medadapt.metrics.contrast.checking import contradictions
from medadapt.metrics.marking.likeness import rouge_l, token_f1

PAGE = (REPOSITORY / "docs" / "explanation" / "why-not-rouge.md").read_text(encoding="utf-8")
TABLE = PAGE.split("| what is wrong |")[1].split("\n\n")[0].splitlines()[2:]
ROWS = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in TABLE]


def test_there_are_six_wrong_answers_and_a_right_one():
    assert len(ROWS) == 7
    assert [row[-1] for row in ROWS].count("no contradiction") == 1


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_figure_of_the_table_is_computed_anew(row):
    _, reference, answer, rouge, f1, verdict = row
    assert f"{rouge_l(answer, reference):.3f}" == rouge
    assert f"{RougeScorer(['rougeL']).score(reference, answer)['rougeL'].fmeasure:.3f}" == rouge
    assert f"{token_f1(answer, reference):.3f}" == f1
    kinds = [finding.kind for finding in contradictions(answer, reference)]
    assert (", ".join(kinds) or "no contradiction") == verdict


def test_the_text_names_the_ends_of_the_table():
    wrong = sorted(row[3] for row in ROWS[:-1])
    assert f"between {wrong[0]} and {wrong[-1]}, and the right one {ROWS[-1][3]}" in re.sub(r"\s+", " ", PAGE)
