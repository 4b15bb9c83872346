"""Signs of an emergency are found by words, and each is vouched for by a public page."""

from __future__ import annotations

import pytest

from medadapt.serving.page.red_flags import flags_in, red_flags


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("I have had chest pain since this morning", "chest pain"),
        ("chest_pain; sweating", "chest pain"),
        ("There is pressure in my chest", "chest pain"),
        ("She can\u2019t breathe", "breathing"),
        ("breathlessness, cough", "breathing"),
        ("Her face is drooping", "droop"),
        ("weakness of one body side", "one side"),
        ("He suddenly collapsed", "fainting"),
        ("My son had a seizure", "seizure"),
        ("coughing up blood", "blood"),
        ("The bleeding won't stop", "bleeding"),
        ("swelling of the tongue after a bee sting", "swelling"),
        ("the worst headache of my life", "headache"),
        ("FEVER AND A STIFF NECK", "stiff neck"),
        ("suddenly cannot see on the left", "vision"),
        ("severe stomach pain", "abdomen"),
        ("blue lips", "bluish"),
        ("He took too many pills", "poison"),
        ("severe burns on both hands", "burn"),
        ("I want to die", "suicide"),
        ("thoughts of self-harm", "suicide"),
    ],
)
def test_a_sign_is_found(text, sign):
    assert any(sign in flag.sign for flag in flags_in(text)), [flag.sign for flag in flags_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "itching; red rash; blisters",
        "What are the symptoms of psoriasis?",
        "No chest pain, and no shortness of breath.",
        "He denies any chest pain",
        "fever since Monday",
        "a stiff neck after sleeping",
        "",
    ],
)
def test_nothing_is_found_where_there_is_no_sign(text):
    assert flags_in(text) == []


def test_a_sign_that_is_denied_once_and_named_once_is_found():
    assert flags_in("No chest pain yesterday, but chest pain today")


def test_every_sign_names_a_public_page():
    assert len(red_flags()) >= 15
    assert len({flag.sign for flag in red_flags()}) == len(red_flags())
    assert all(flag.source.url.startswith("https://") and flag.source.title for flag in red_flags())
