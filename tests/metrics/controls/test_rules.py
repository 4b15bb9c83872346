"""The controls, and the symptom table that a memoriser masters."""

from __future__ import annotations

import csv
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import train_test_split

from medadapt.core.records import Record
from medadapt.metrics.controls.neighbours import jaccard, nearest, nearest_records
from medadapt.metrics.controls.rules import (
    RULES,
    control_answers,
    control_decisions,
    longest_option,
    majority,
    nearest_neighbour,
)
from medadapt.metrics.controls.word_classifier import labels_by_words

SETS = st.lists(st.frozensets(st.integers(0, 5), max_size=5), min_size=1, max_size=8)


@given(SETS, SETS)
def test_nearest_is_the_first_of_the_largest_jaccard_indices(queries, candidates):
    def likeness(one: frozenset[int], other: frozenset[int]) -> float:
        return len(one & other) / len(one | other) if one | other else 0.0

    wanted = [int(np.argmax([likeness(query, other) for other in candidates])) for query in queries]
    asked, known = ([np.array(list(one), dtype=np.int32) for one in sets] for sets in (queries, candidates))
    assert nearest(asked, known) == wanted
    assert jaccard(asked[0], known[0]) == likeness(queries[0], candidates[0])


def test_majority_breaks_ties_by_the_alphabet():
    assert majority(["b", "a", "b", "a", "c"], 3) == ["a", "a", "a"]


def test_lists_of_symptoms_are_compared_as_sets(diagnoses):
    train = diagnoses(["flu", "cold"])
    train = [
        replace(train[0], meta={"symptoms": ["cough", "fever", "headache"]}),
        replace(train[1], meta={"symptoms": ["sneezing", "fever", "runny nose"]}),
    ]
    asked = replace(train[0], id="t", meta={"symptoms": ["headache", "Cough"]})
    assert nearest_neighbour("diagnosis", train, [asked]) == ["flu"]


def test_free_text_is_compared_by_what_it_spells(diagnoses):
    train = diagnoses(["flu", "cold"])
    train = [
        replace(train[0], question="I have been coughing with a high temperature for days"),
        replace(train[1], question="My nose is running and I sneeze all the time"),
    ]
    asked = replace(train[0], id="t", question="nose running, sneezing all day")
    assert nearest_neighbour("diagnosis", train, [asked]) == ["cold"]


def test_prose_with_semicolons_is_no_list(diagnoses):
    train = diagnoses(["flu", "cold"])
    train = [
        replace(train[0], id="a", question="A man of 30 with a high temperature; pulse 90"),
        replace(train[1], id="b", question="A woman of 41 whose nose runs all day; pulse 70"),
    ]
    asked = replace(train[0], id="t", question="A boy of 12 whose nose runs; pulse 81")
    assert nearest_neighbour("diagnosis", train, [asked]) == ["cold"]
    assert labels_by_words(train, ["flu", "cold"], [asked]) == ["cold"]


def test_equally_near_records_go_by_id(diagnoses):
    train = [replace(r, question="fever; cough") for r in diagnoses(["flu", "cold"])]
    train = [replace(train[0], id="z"), replace(train[1], id="a")]
    assert nearest_records([replace(train[0], id="t")], train) == [1]


def test_the_context_is_part_of_what_is_compared(choices):
    train = [replace(r, question="Does it help?") for r in choices("AB")]
    train = [replace(train[0], context="aspirin in stroke"), replace(train[1], context="statins in diabetes")]
    asked = replace(train[0], id="t", context="diabetes and statins")
    assert nearest_records([asked], train) == [1]


def test_a_copied_answer_becomes_the_letter_of_the_option_that_resembles_it(choices):
    (known,) = choices("A")
    known = replace(known, answer="Aortic stenosis", options=["Aortic stenosis", "x", "y", "z"])
    asked = replace(known, id="t", options=["Mitral stenosis", "Gout", "Severe aortic stenosis", "None"])
    assert nearest_neighbour("multiple_choice", [known], [asked]) == ["C"]


def test_an_answer_that_resembles_no_option_keeps_its_letter(choices):
    (known,) = choices("B")
    known = replace(known, answer="Gout")
    asked = replace(known, id="t", options=["1", "2", "3", "4"])
    assert nearest_neighbour("multiple_choice", [known], [asked]) == ["B"]


def test_without_training_records_only_the_longest_option_answers(diagnoses, choices):
    for found in (
        control_decisions("diagnosis", [], diagnoses(["flu"]), seed=0),
        control_answers([], diagnoses(["flu"]), seed=0),
    ):
        assert found.given == {}
        assert found.absent.keys() == {*RULES}
    found = control_decisions("multiple_choice", [], choices("B"), seed=0)
    assert found.given == {"longest_option": ["A"]}
    assert found.absent == dict.fromkeys({*RULES} - {"longest_option"}, found.absent["tfidf"])
    assert "no training records" in found.absent["tfidf"]


def test_every_rule_answers_or_says_why_not(diagnoses, choices):
    cases = {
        "diagnosis": control_decisions("diagnosis", diagnoses("ab"), diagnoses("ab"), seed=0),
        "multiple_choice": control_decisions("multiple_choice", choices("AB"), choices("CD"), seed=0),
        "qa": control_answers(diagnoses("ab"), diagnoses("ab"), seed=0),
    }
    for found in cases.values():
        assert found.given.keys() | found.absent.keys() == {*RULES}
        assert not found.given.keys() & found.absent.keys()
        assert {len(answers) for answers in found.given.values()} == {2}
    assert {task: set(found.absent) for task, found in cases.items()} == {
        "diagnosis": {"longest_option"},
        "multiple_choice": set(),
        "qa": {"tfidf", "longest_option", "majority"},
    }


def test_the_longest_option_is_the_first_of_equals(choices):
    (asked,) = choices("A")
    lengths = [["xx", "xxxx", "x", "xxxx"], ["xxx", "x", "x", "x", "x"]]
    assert longest_option([replace(asked, options=options) for options in lengths]) == ["B", "A"]


def test_options_in_another_order_are_answered_by_their_text(choices):
    """A copied letter would be wrong each time; a fair control reads what the options say."""
    known = choices("ABCD")
    asked = [
        replace(
            record,
            id=f"t{place}",
            question=f"{record.question} Choose one.",
            options=list(reversed(record.options)),
            answer_index=3 - record.answer_index,
        )
        for place, record in enumerate(known)
    ]
    assert nearest_neighbour("multiple_choice", known, asked) == ["D", "C", "B", "A"]


def test_to_open_questions_the_nearest_record_gives_its_whole_answer():
    """Against scikit-learn: binary 5-grams of characters and the Jaccard distance, on questions of random words."""
    draw = random.Random(5)
    words = [
        "fever",
        "cough",
        "gout",
        "causes",
        "treats",
        "what",
        "heart",
        "of",
        "the",
        "pain",
        "is",
        "child",
    ]
    texts = [" ".join(draw.choices(words, k=draw.randrange(3, 9))) for _ in range(70)]
    records = [
        Record(
            id=f"{place:02d}", source_row=place, group=str(place), question=text, answer=f"Answer {place}."
        )
        for place, text in enumerate(texts)
    ]
    train, test = records[:50], records[50:]
    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True).fit_transform(texts)
    distances = pairwise_distances(grams.toarray().astype(bool), metric="jaccard")[50:, :50]
    wanted = [train[place].answer for place in distances.argmin(axis=1)]
    assert control_answers(train, test, seed=0).given["nearest_neighbour"] == wanted


def test_an_answer_is_the_most_frequent_only_where_it_stands_twice(diagnoses):
    test = diagnoses(["x", "y", "z"])
    assert control_answers(diagnoses(["no", "yes", "yes"]), test, seed=0).given["majority"] == ["yes"] * 3
    assert (
        "stands twice" in control_answers(diagnoses(["no", "yes", "maybe"]), test, seed=0).absent["majority"]
    )


@pytest.fixture
def symptom_records(shared_data) -> list[Record]:
    """The distinct rows of the public disease-symptom table."""
    with (shared_data / "symptom_disease" / "dataset.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    distinct: dict[tuple[str, frozenset[str]], Record] = {}
    for number, (disease, *cells) in enumerate(rows, 1):
        symptoms = [cell.replace("_", " ").strip() for cell in cells if cell.strip()]
        distinct.setdefault(
            (disease.strip(), frozenset(symptoms)),
            Record(
                id=f"{number:05d}",
                source_row=number,
                group=str(number),
                question="; ".join(symptoms),
                answer=disease.strip(),
                label=disease.strip(),
                meta={"symptoms": symptoms},
            ),
        )
    return list(distinct.values())


@pytest.mark.parametrize("seed", [0, 42])
def test_a_memoriser_masters_the_symptom_table(symptom_records, seed):
    assert len(symptom_records) == 304
    labels = [record.label for record in symptom_records]
    train, test = train_test_split(symptom_records, test_size=0.2, random_state=seed, stratify=labels)
    found = control_decisions("diagnosis", train, test, seed=seed)
    wanted = [record.label for record in test]
    assert found.given["nearest_neighbour"] == wanted
    assert found.given["tfidf"] == wanted  # counting words is enough, too
    assert np.mean([a == b for a, b in zip(found.given["class_prior"], wanted, strict=True)]) < 0.2


def test_the_nearest_neighbour_reads_earlier_turns_too(choices):
    """Two dialogues may end in the same words and be about different things."""
    train = [
        replace(record, question="And now?", history=[{"role": "user", "content": said}])
        for record, said in zip(choices("AB"), ["my knee is swollen", "my throat is sore"], strict=True)
    ]
    asked = [replace(train[1], id="t", options=None), replace(train[0], id="u", options=None)]
    assert nearest_records(asked, train) == [1, 0]
