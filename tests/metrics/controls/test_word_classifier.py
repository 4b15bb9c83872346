"""The word classifier, held against pipelines of scikit-learn that are put together another way."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from medadapt.metrics.controls import word_classifier
from medadapt.metrics.controls.word_classifier import labels_by_words, letters_by_words, too_many_labels

SIGNS = {
    "flu": ["fever", "aches", "chills", "cough", "tired"],
    "cold": ["sneezing", "runny nose", "cough", "sore throat", "tired"],
    "gout": ["big toe", "swelling", "red joint", "pain", "fever"],
}


@pytest.fixture
def drawn(diagnoses):
    """Training and test records whose words are drawn from the signs of their label, with some noise."""

    def build(mark: str, count: int = 120):
        draw = random.Random(3)
        every = sorted({sign for signs in SIGNS.values() for sign in signs})
        labels = [draw.choice(sorted(SIGNS)) for _ in range(count)]
        asked = [list(dict.fromkeys([*draw.sample(SIGNS[label], 2), draw.choice(every)])) for label in labels]
        records = [
            replace(record, question=mark.join(signs), meta={"symptoms": signs} if mark == "; " else {})
            for record, signs in zip(diagnoses(labels), asked, strict=True)
        ]
        return records[: 2 * count // 3], records[2 * count // 3 :]

    return build


def test_free_text_is_classified_as_by_a_pipeline_of_scikit_learn(drawn):
    train, test = drawn(" and ")
    reference = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+"), LogisticRegression(tol=1e-3)
    )
    reference.fit([record.question for record in train], [record.label for record in train])
    wanted = reference.predict([record.question for record in test]).tolist()
    found = labels_by_words(train, [record.label for record in train], test)
    assert found == wanted
    assert np.mean([a == record.label for a, record in zip(found, test, strict=True)]) > 0.7


def test_lists_are_classified_by_their_items(drawn):
    train, test = drawn("; ")
    reference = make_pipeline(
        TfidfVectorizer(analyzer=lambda text: text.split("; "), sublinear_tf=True),
        LogisticRegression(tol=1e-3),
    )
    reference.fit([record.question for record in train], [record.label for record in train])
    wanted = reference.predict([record.question for record in test]).tolist()
    assert labels_by_words(train, [record.label for record in train], test) == wanted


def test_two_labels_and_one_label(drawn):
    train, test = drawn(" ")
    train = [record for record in train if record.label != "gout"]
    found = labels_by_words(train, [record.label for record in train], test)
    reference = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+"), LogisticRegression(tol=1e-3)
    )
    reference.fit([record.question for record in train], [record.label for record in train])
    assert found == reference.predict([record.question for record in test]).tolist()
    assert set(found) == {"cold", "flu"}
    assert labels_by_words(train[:1], ["flu"], test[:2]) == ["flu", "flu"]


def test_labels_that_words_cannot_tell_apart_go_by_the_alphabet(diagnoses):
    train = [replace(record, question="fever") for record in diagnoses(["b", "a", "c", "b", "a", "c"])]
    assert labels_by_words(train, [record.label for record in train], train[:1]) == ["a"]


def test_history_and_context_are_read_too(diagnoses):
    train = [
        replace(record, question="What is it?", history=[{"role": "user", "content": said}])
        for record, said in zip(diagnoses("abab"), ["toe", "nose", "toe pain", "nose cold"], strict=True)
    ]
    asked = replace(train[0], id="t", history=[], context="nose")
    assert labels_by_words(train, ["a", "b", "a", "b"], [asked]) == ["b"]


def test_punctuation_alone_is_no_error(diagnoses):
    train = [replace(record, question="?") for record in diagnoses("ab")]
    assert labels_by_words(train, ["a", "b"], train) == ["a", "a"]


def test_options_that_are_always_right_are_chosen_again(choices):
    train = [
        replace(record, options=["surgery", "rest", "aspirin now", "watch"], answer_index=2)
        for record in choices("C" * 12)
    ]
    asked = replace(train[0], id="t", options=["aspirin now", "watch", "rest"], answer_index=0)
    assert letters_by_words(train, [asked, *train[:2]]) == ["A", "C", "C"]


def test_the_longest_is_learned_from_records_where_it_is_right(choices):
    """No word comes back, so only the length can tell."""
    draw = random.Random(0)
    train = []
    for place, record in enumerate(choices("ABCD" * 20)):
        options = [f"w{place}{letter}" for letter in "abcd"]
        options[record.answer_index] += "y" * draw.randrange(20, 40)
        train.append(replace(record, options=options))
    asked = replace(train[0], id="t", options=["one", "two", "three and a good deal longer", "four"])
    assert letters_by_words(train, [asked]) == ["C"]


def test_what_the_question_says_again_is_learned_from_records_where_it_is_right(choices):
    draw = random.Random(0)
    train = []
    for place, record in enumerate(choices("ABCD" * 20)):
        words = [f"{draw.randrange(10_000):05d}" for _ in range(4)]
        question = f"Which of them is it: {words[record.answer_index]} {place}"
        train.append(replace(record, question=question, options=words))
    asked = replace(train[0], id="t", question="Is it 00003", options=["00001", "00002", "00003", "00004"])
    known = replace(train[1], id="u", options=["00001", "00002", "00003", "00004"])  # so that 00003 is a word
    assert letters_by_words([*train, known], [asked]) == ["C"]


def test_letters_agree_with_features_made_word_by_word(choices):
    """Against dense features computed in plain Python and fitted by scikit-learn."""
    draw = random.Random(11)
    vocabulary = ["aspirin", "rest", "surgery", "watch", "insulin", "iron", "never", "always", "of", "the"]
    records = [
        replace(
            record,
            question=" ".join(draw.choices(vocabulary, k=5)),
            options=[" ".join(draw.sample(vocabulary, draw.randrange(1, 4))) for _ in range(4)],
        )
        for record in choices("".join(draw.choices("ABCD", k=90)))
    ]
    train, test = records[:60], records[60:]
    weighing = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+")
    weighing.fit([option for record in train for option in record.options])

    def rows(record):
        lengths = [np.log(1 + len(option)) for option in record.options]
        asked = weighing.transform([record.question]).toarray()[0]
        for option, length in zip(record.options, lengths, strict=True):
            words = weighing.transform([option]).toarray()[0]
            yield [*words, words @ asked, length - np.mean(lengths)]

    features = [row for record in train for row in rows(record)]
    right = [place == record.answer_index for record in train for place in range(4)]
    reference = LogisticRegression(tol=1e-3).fit(features, right)
    wanted = ["ABCD"[reference.decision_function(list(rows(record))).argmax()] for record in test]
    assert letters_by_words(train, test) == wanted


def test_a_fit_that_stops_early_warns_nobody(drawn, monkeypatch):
    monkeypatch.setattr(word_classifier, "ITERATIONS", 1)
    train, test = drawn(" ")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert len(labels_by_words(train, [record.label for record in train], test)) == len(test)


def test_with_many_labels_only_the_most_frequent_words_are_weighed(drawn, monkeypatch):
    train, test = drawn(" ")
    labels = [record.label for record in train]
    monkeypatch.setattr(word_classifier, "WEIGHTS", 3 * 4)
    reference = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+", max_features=4),
        LogisticRegression(tol=1e-3),
    )
    reference.fit([record.question for record in train], labels)
    assert labels_by_words(train, labels, test) == reference.predict([r.question for r in test]).tolist()


def test_too_many_labels_are_refused_with_a_reason():
    assert too_many_labels(["a", "b"] * 5000) is None
    assert "10,000 training records of 5,000 labels" in too_many_labels([str(n) for n in range(5000)] * 2)


def test_scikit_learn_is_imported_only_where_something_is_fitted():
    code = "import sys; import medadapt.metrics.scoring; print('sklearn' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
