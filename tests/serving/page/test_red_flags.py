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
        ("he is not breathing", "breathing"),
        ("My father stopped breathing", "breathing"),
        ("I can not breathe", "breathing"),
        ("i cant breathe", "breathing"),
        ("She cannot get enough air", "breathing"),
        ("unable to breathe", "breathing"),
        ("breathing difficulty", "breathing"),
        ("struggling to breathe", "breathing"),
        ("my chest hurts", "chest pain"),
        ("pain in chest", "chest pain"),
        ("a tightness across the middle of my chest", "chest pain"),
        ("I have never had chest pain like this", "chest pain"),
        ("Is this a heart attack?", "heart attack"),
        ("I think she has had a stroke", "stroke"),
        ("What causes a stroke?", "stroke"),
        ("my left arm is numb", "one side"),
        ("his right side went weak", "one side"),
        ("numbness in one leg", "one side"),
        ("her speech is slurred", "one side"),
        ("he won't wake up", "wake"),
        ("She will not wake", "wake"),
        ("I can't wake him", "wake"),
        ("bleeding heavily", "bleeding"),
        ("We cannot stop the bleeding", "bleeding"),
        ("my tongue is swelling", "swelling"),
        ("my lips are turning blue", "bluish"),
        ("self harm", "suicide"),
        ("I don't want to live any more", "suicide"),
        ("I took 30 paracetamol tablets", "too much of a medicine"),
        ("She has taken about twenty of her blood pressure pills", "too much of a medicine"),
        ("he swallowed a handful of pills", "too much of a medicine"),
        ("took a whole bottle of ibuprofen", "too much of a medicine"),
        ("My child drank some of the bleach", "too much of a medicine"),
        ("casino chest pain", "chest pain"),
        ("a sudden pain in my\nchest", "chest pain"),
        ("Fever: no\nChest pain: yes, since an hour", "chest pain"),
        ("Allergies: no\r\n\r\n  Chest pain", "chest pain"),
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
        "no chest\npain",
        "fever since Monday",
        "a stiff neck after sleeping",
        "How is asthma treated?",
        "Which breathing exercises help me to relax?",
        "What is chest physiotherapy?",
        "a chesty cough",
        "My back hurts after gardening",
        "My left arm itches",
        "a weak bladder",
        "numbness of both feet with diabetes",
        "What is a normal heart rate?",
        "Which drug lowers the stroke volume?",
        "He wakes up at night",
        "light bleeding from the gums after brushing",
        "a mild headache",
        "My face is red",
        "I took 2 paracetamol tablets for it",
        "I have taken 20 mg tablets of lisinopril for years",
        "I have taken 100mg tablets since 2019",
        "How many tablets are in a pack of 30?",
        "I stopped smoking",
        "I hurt myself playing football",
        "a rash from poison ivy",
        "",
    ],
)
def test_nothing_is_found_where_there_is_no_sign(text):
    assert flags_in(text) == []


def test_a_sign_that_is_denied_once_and_named_once_is_found():
    assert flags_in("No chest pain yesterday, but chest pain today")


def test_a_denial_in_a_long_text_is_seen_as_in_a_short_one():
    """However long, and each one on its own: what stands far before a sign says nothing of it."""
    assert flags_in("no chest pain " * 7000) == []
    assert flags_in("no chest pain " * 7000 + "chest pain")


def test_every_sign_names_a_public_page():
    assert len(red_flags()) >= 15
    assert len({flag.sign for flag in red_flags()}) == len(red_flags())
    assert all(flag.source.url.startswith("https://") and flag.source.title for flag in red_flags())
