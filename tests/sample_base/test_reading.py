"""The reading of the sample base: true to the knowledge, in running prose, the same for the same seed."""

from __future__ import annotations

import random
import re
import sys
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sample_base"))

from reading.conditions import article, drawn, side
from reading.corpus import SHARES, documents
from reading.findings import PATTERNS, index_of
from reading.stories import story
from reading.wording import is_plural, joined, written

from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.records import read_records
from medadapt.examples.templates import render_prompt, resolve_wording
from medadapt.records.preparing import prepare
from medadapt.samples import recipe_file
from medadapt.samples.generating.wordings import AT_NIGHT, named
from medadapt.samples.knowledge import load_conditions
from medadapt.workflow.demo import DEMOS

TASK_SHAPES = re.compile(r"\n|;[^.;]*;|#|:\s*$|\?\s*Answer|^[A-E][.)] ")
"""What the prompts of the tasks have and running prose has not: lines, headings, options, a colon that waits."""


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return list(islice(documents(0), 3000))


def test_the_same_seed_writes_the_same_reading():
    assert list(islice(documents(3), 50)) == list(islice(documents(3), 50)) != list(islice(documents(4), 50))


def test_held_out_text_is_no_shard_of_the_reading():
    held_out = set(islice(documents("held out"), 300))
    for shard in range(-2, 3):
        assert len(held_out & set(islice(documents(shard), 300))) < 15


@pytest.mark.parametrize("task", DEMOS)
def test_the_shapes_of_a_task_are_those_of_its_prompts(task: str, tmp_path):
    recipe = read_recipe(recipe_file(f"demo-{task}"), ["data.limit={rows: 200, by: random}"])
    prepare(recipe.data, 0, tmp_path, progress=Silent())
    wording = resolve_wording(recipe.prompt, recipe.data.format)
    for record in islice(read_records(tmp_path / "train.jsonl"), 20):
        assert TASK_SHAPES.search(render_prompt(record, wording))


def test_nothing_stands_in_the_shape_of_a_task(texts):
    assert not [text for text in texts if TASK_SHAPES.search(text)]


def test_no_choice_or_slot_is_left_open(texts):
    assert not [text for text in texts if re.search(r"[\[\]{}<>|]", text)]


def test_patients_suit_their_condition_in_sex_and_age(texts):
    never = (
        r"\b(?:he|his|father|husband|brother|son|uncle|man|boy)\b[^.]*\b(?:heavy periods|missed periods|hot flashes)",
        r"\b(?:wife|mother|sister|aunt|daughter|woman|girl)\b(?:[^.]*\.){1,2}[^.]*\b(?:prostate|prostatic)",
        r"\bI am \d+ years old.*\b(?:he|she) (?:was|received|had|should)",
    )
    for pattern in never:
        assert not [text for text in texts if re.search(pattern, text)], pattern


def test_worse_at_night_is_no_thing_to_have(texts):
    assert not [
        text for text in texts if re.search(rf"\b(?:with|have|has|had|of|and|there is) {AT_NIGHT}", text)
    ]


def test_what_nothing_prevents_is_told_no_prevention():
    conditions = [condition for condition in load_conditions() if not condition.prevention]
    rng = random.Random(0)
    told = [
        write(condition, rng)
        for condition in conditions
        for write in (article, side, story)
        for _ in range(40)
    ]
    advice = re.compile("be prevented|to prevent it|prevent .* doctors|protection against|lower the chance")
    assert conditions
    assert not [text for text in told if advice.search(text)]


def test_every_sentence_begins_with_a_capital_and_every_text_ends(texts):
    for text in texts:
        assert re.fullmatch(r"[A-Z].*[.?]", text), text
        assert not re.search(r"[.!?]\s+[a-z]", text), text


def test_every_condition_is_told(texts):
    whole = " ".join(texts).casefold()
    assert all(condition.name.casefold() in whole for condition in load_conditions())


def test_an_article_tells_only_facts_of_its_condition():
    rng = random.Random(0)
    conditions = load_conditions()
    fields = ("tests", "treatments", "complications", "causes", "prevention", "risk_factors", "symptoms")
    phrases = {phrase for other in conditions for field in fields[:3] for phrase in getattr(other, field)}
    for condition in conditions:
        own = " | ".join(
            [named(condition), condition.about, *(p for f in fields for p in getattr(condition, f))]
        )
        told = article(condition, rng)
        assert not [p for p in phrases if len(p) > 12 and p in told and p not in own], condition.name


def test_typical_symptoms_are_drawn_more_often():
    rng = random.Random(0)
    angina = load_conditions()[0]
    texts = [drawn(angina, rng) for _ in range(400)]
    assert sum("chest tightness" in text for text in texts) > 3 * sum("fainting" in text for text in texts)


def test_a_finding_names_conditions_that_have_it():
    conditions = load_conditions()
    for field, phrases in index_of(conditions).items():
        for phrase, names in phrases.items():
            having = {named(condition) for condition in conditions if phrase in getattr(condition, field)}
            assert set(names) == having
            assert phrase != AT_NIGHT


def test_shares_of_the_kinds_add_up():
    assert sum(SHARES.values()) == pytest.approx(1)
    assert set(PATTERNS) < set(dir(load_conditions()[0]))


@pytest.mark.parametrize(
    ("phrase", "plural"),
    [
        *[(one, False) for one in ("fever", "diabetes", "stress", "psoriasis", "a virus", "older age")],
        *[
            (one, False)
            for one in ("inflammation of the eyes", "avoiding triggers", "a mix of genes and lifestyle")
        ],
        *[
            (many, True)
            for many in ("beta blockers", "fever and chills", "statins", "antibodies in the blood")
        ],
    ],
)
def test_verbs_agree(phrase: str, plural: bool):
    assert is_plural(phrase) is plural


def test_a_pattern_makes_its_choices_and_agrees():
    slots = {"things": "statins", "thing": "rest"}
    assert written("{things} <helps/help>, {thing} <helps/help> [too|too].", random.Random(0), slots) == (
        "Statins help, rest helps too."
    )


def test_lists_are_phrases():
    rng = random.Random(0)
    assert [joined(["a"], rng=rng), joined(["a", "b"], rng=rng)] == ["a", "a and b"]
    assert {joined(["a", "b", "c"], rng=rng) for _ in range(20)} == {"a, b and c", "a, b, and c"}
