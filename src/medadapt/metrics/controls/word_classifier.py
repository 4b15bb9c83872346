"""What a bag of words can tell: TF-IDF and logistic regression, fitted on the training records.

A language model that does not beat word counts has not shown that it reads. The weighting is scikit-learn's with
`sublinear_tf` (1 + ln of the count); the words are those of the normal form (`cleaning/texts.py`), and the items
where the questions are lists of symptoms. The fit stops after `ITERATIONS` steps at the latest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from medadapt.core.records import LETTERS, Record
from medadapt.metrics.controls.neighbours import are_lists, listed_items
from medadapt.metrics.marking.marks import FloatArray
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.duplicates import input_text

ITERATIONS = 100
TOLERANCE = 1e-3
WEIGHTS = 400_000
"""Words times labels: with more labels only the most frequent words are weighed, so that a fit takes seconds."""
MOST_WORDS = 20_000
PROBABILITIES = 10_000_000
"""Training records times labels that are held at a time: 80 MB. Beyond them no classifier is fitted."""
DECIMALS = 6
"""To which decision values are rounded before they are compared: labels that the words cannot tell apart stay equal
on every machine, and the first by the alphabet (or letter) is chosen."""


def too_many_labels(answers: Sequence[str]) -> str | None:
    """Why no classifier is fitted to so many labels; None where one is."""
    labels = len(set(answers))
    if labels * len(answers) <= PROBABILITIES:
        return None
    return f"{len(answers):,} training records of {labels:,} labels are too many for a classifier that fits in seconds"


def labels_by_words(train: Sequence[Record], answers: Sequence[str], test: Sequence[Record]) -> list[str]:
    """The label that the words of each test question speak for most, among those of the training answers.

    Multinomial logistic regression on the TF-IDF of history, context and question.
    """
    labels = sorted(set(answers))
    if len(labels) == 1:
        return labels * len(test)
    lists = are_lists(train)
    vectorizer = _vectorizer(max(1, min(MOST_WORDS, WEIGHTS // len(labels))))
    known = vectorizer.fit_transform([_words(record, lists=lists) for record in train])
    asked = vectorizer.transform([_words(record, lists=lists) for record in test])
    values = _fitted(known, answers).decision_function(asked)
    if len(labels) == 2:  # scikit-learn gives one column: how much speaks for the second label
        values = np.column_stack([-values, values])
    return [labels[place] for place in np.round(values, DECIMALS).argmax(axis=1)]


def letters_by_words(train: Sequence[Record], test: Sequence[Record]) -> list[str]:
    """The letter of the option that looks most like a right one, question by question.

    One binary logistic regression over all options of the training records: right or not, from the TF-IDF of
    the option's words, its cosine with the question, and how much longer it is than the question's other
    options. That is what an option gives away to someone who knows no medicine.
    """
    options = [option for record in train for option in record.options or ()]
    right = [place == record.answer_index for record in train for place in range(len(record.options or ()))]
    vectorizer = _vectorizer(MOST_WORDS)
    vectorizer.fit([_split(option) for option in options])
    model = _fitted(_option_features(train, vectorizer), right)
    values = np.round(model.decision_function(_option_features(test, vectorizer)), DECIMALS)
    ends = np.cumsum([len(record.options or ()) for record in test])
    return [LETTERS[int(part.argmax())] for part in np.split(values, ends[:-1])]


def _option_features(records: Sequence[Record], vectorizer: Any) -> sparse.csr_matrix:
    """A row for each option of each record: its words, its cosine with the question, its relative length."""
    options_OV = vectorizer.transform(
        [_split(option) for record in records for option in record.options or ()]
    )
    questions_RV = vectorizer.transform([_split(input_text(record)) for record in records])
    record_O = np.repeat(np.arange(len(records)), [len(record.options or ()) for record in records])
    cosine_O = np.asarray(options_OV.multiply(questions_RV[record_O]).sum(axis=1)).ravel()
    length_O = np.concatenate([_relative_lengths(record.options or []) for record in records])
    return sparse.hstack([options_OV, sparse.csr_matrix(np.column_stack([cosine_O, length_O]))], format="csr")


def _relative_lengths(options: Sequence[str]) -> FloatArray:
    """Natural logarithm of each option's length in characters, less the mean over the record's options."""
    lengths = np.log([1 + len(option) for option in options])
    return np.asarray(lengths - lengths.mean())


def _words(record: Record, *, lists: bool) -> list[str]:
    return (sorted(listed_items(record)) if lists else input_text(record).split()) or [""]


def _split(text: str) -> list[str]:
    return normal_form(text).split() or [""]


def _vectorizer(most_words: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer=_as_they_are, sublinear_tf=True, max_features=most_words)


def _as_they_are(words: list[str]) -> list[str]:
    return words


def _fitted(features: sparse.csr_matrix, answers: Sequence[Any]) -> Any:
    """A logistic regression; that it stopped before it was settled to the last digit is no news to the user."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings(
            "ignore", "The number of unique classes", UserWarning
        )  # few rows a label are usual
        return LogisticRegression(max_iter=ITERATIONS, tol=TOLERANCE).fit(features, answers)
