"""Bounds without a unit, single doses, doses for the size of the patient, and ratios."""

from __future__ import annotations

import pytest

from medadapt.metrics.contrast.bounds import bound_of, what_is_bound
from medadapt.metrics.contrast.checking import contradictions
from medadapt.metrics.contrast.quantities import quantities


def kinds(one, other):
    """What is flagged whichever of two texts is the answer."""
    there, back = (
        [finding.kind for finding in contradictions(*pair)] for pair in ((one, other), (other, one))
    )
    assert there == back
    return there


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BP below 140/90", "BP above 140/90"),
        ("The target is a BP below 140/90.", "The target is a BP above 140/90."),
        ("Keep the BP below 140/90.", "Keep the BP at more than 140/90."),
        ("BP should be 140/90 or less.", "BP should be above 140/90."),
        ("pH below 7.35", "pH above 7.35"),
        ("Acidosis is a pH < 7.35.", "Acidosis is a pH above 7.35."),
        ("The pH falls below 7.35 in acidosis.", "The pH rises above 7.35 in acidosis."),
        ("Platelets above 50", "Platelets below 50"),
        ("Platelets should be at least 50 before surgery.", "Platelets should be at most 50 before surgery."),
        ("score under 10", "score over 10"),
        ("A score of over 10 means a severe illness.", "A score under 10 means a severe illness."),
        ("Under 10 is normal.", "Over 10 is normal."),
        ("Start treatment at an INR no higher than 2.", "Start treatment at an INR above 2."),
    ],
)
def test_opposite_bounds_need_no_unit(one, other):
    assert {*kinds(one, other)} == {"comparison"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BP below 140/90", "BP of less than 140/90"),
        ("Aim for a BP below 140/90.", "The BP aimed for is under 140/90."),
        ("Platelets above 50", "Platelets of more than 50"),
        ("Platelets should not fall below 50.", "Platelets should be at least 50."),
        ("The INR is not above 3.", "The INR is at most 3."),
        ("Do not transfuse platelets above 50.", "Platelets above 50 need no transfusion."),
        ("A score over 10 is severe.", "A score of 15 is severe."),
        ("A score over 10 is severe.", "Severe is a score of 11 or more."),
        ("A score above 5 is severe.", "A score of at least 6 is severe."),
        ("Give more than 5 doses.", "Give at least 6 doses."),
        ("Give fewer than 5 doses.", "Give no more than 4 doses."),
        ("A pH below 7.35 is called acidosis.", "A pH above 7.45 is called alkalosis."),
        ("Keep the INR above 2 and below 3.", "The INR is kept between 2 and 3."),
        ("A score under 4 needs no treatment.", "Children over 4 may go to school by bus."),
    ],
)
def test_bounds_in_other_words_are_no_contradiction(one, other):
    assert kinds(one, other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The score should be above 5.", "The score should be at least 7."),
        ("Platelets above 50", "Platelets > 80"),
        ("Give more than 5 doses.", "Give at least 9 doses."),
    ],
)
def test_another_bound_on_the_same_is_another_number(one, other):
    assert "number" in kinds(one, other)


@pytest.mark.parametrize(
    ("before", "named"),
    [
        ("Keep the BP ", {"keep", "bp"}),
        ("a BP of less than ", {"bp"}),
        ("if the pH has fallen below ", {"ph"}),
        ("no more than ", set()),
    ],
)
def test_what_a_bound_is_on_stands_before_its_own_words(before, named):
    assert what_is_bound(before) == named


def test_a_range_is_no_bound_on_anything():
    (quantity,) = quantities("a score from 5 to 10")
    assert quantity.bound_on is None


@pytest.mark.parametrize(("before", "beyond"), [("> ", True), (">= ", False), ("≥ ", False), ("over ", True)])
def test_a_bound_knows_whether_its_number_belongs_to_it(before, beyond):
    assert bound_of(f"score {before}", "") == (1, beyond)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("one tablet daily", "ten tablets daily"),
        ("Take one tablet with food.", "Take three tablets with food."),
        ("Take one pill at night.", "Take two tablets at night."),
        ("Give one dose of the vaccine.", "Give two doses of the vaccine."),
        ("Use one puff when short of breath.", "Use 4 puffs when short of breath."),
        ("Inject one unit before meals.", "Inject ten units before meals."),
        ("Repeat the test one time.", "Repeat the test three times."),
    ],
)
def test_one_dose_is_a_number(one, other):
    assert kinds(one, other) == ["number"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Take one of the tablets with food.", "Take a tablet with food."),
        ("Take one tablet with food.", "Take a tablet with food."),
        ("Take one tablet with food.", "Take 1 pill with meals."),
        ("Take one or two tablets for pain.", "Take 1-2 tablets for pain."),
        ("Take one tablet in the morning and one at night.", "Take two tablets a day, morning and night."),
        ("Take one tablet in the morning and another at night.", "Take two tablets, morning and night."),
        ("At one time patients were bled.", "Patients were bled three times."),
        ("One of the doses may be missed.", "Two doses should not be missed."),
        ("It is one that helps with pain.", "It is one of two drugs that help with pain."),
    ],
)
def test_one_dose_in_other_words_is_no_contradiction(one, other):
    assert "number" not in kinds(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 mg", "5 mg/kg"),
        ("Give 5 mg of it daily.", "Give 5 mg/kg of it daily."),
        ("Give 5 mg/day.", "Give 5 mg/kg/day."),
        ("Give 15 milligrams once.", "Give 15 milligrams per kilogram once."),
        ("Infuse 20 mL over an hour.", "Infuse 20 mL/kg over an hour."),
        ("Infuse 75 mg on day 1.", "Infuse 75 mg/m² on day 1."),
        ("Infuse 75 mg/kg on day 1.", "Infuse 75 mg/m2 on day 1."),
        ("A 70 kg adult is given 5 mg.", "A 70 kg adult is given 5 mg/kg."),
        ("Infuse 5 mcg/min.", "Infuse 5 mcg/kg/min."),
    ],
)
def test_a_dose_for_each_kilogram_is_not_a_dose(one, other):
    assert kinds(one, other) == ["unit"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Give 5 mg/kg per day.", "Give 5 mg/kg daily."),
        ("Give 5 mg/kg/day.", "Give 5 mg/kg."),
        ("Give 5 mg/kg/day.", "Give 5 mg per day per kg."),
        ("Give 5 mg/kg daily.", "Give 5 mg daily per kilogram."),
        ("Give 5 mg/kg.", "Give 5 mg for every kilogram of body weight."),
        ("Give 5 mg/kg.", "Give 5 mg, multiplied by the weight in kilograms."),
        ("Give 5 mg/day.", "Give 5 mg."),
        ("Give 5 mg/h.", "Give 5 mg."),
        ("Infuse 5 mcg/kg/min.", "Infuse 5 mcg/min/kg."),
        ("Infuse 75 mg/m2.", "Infuse 75 mg per square metre."),
        ("The syrup has 5 mg/mL.", "The syrup has 5 mg."),
    ],
)
def test_a_dose_for_each_kilogram_in_other_words_is_no_contradiction(one, other):
    assert kinds(one, other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.5 mL of 1:1000", "0.5 mL of 1:10000"),
        ("Inject 0.5 mL of 1:1000 adrenaline.", "Inject 0.5 mL of 1:10,000 adrenaline."),
        ("Inject adrenaline 1:1000, 0.5 mL.", "Inject adrenaline 1:10 000, 0.5 mL."),
        ("The compression ratio is 30:2 for adults.", "The compression ratio is 15:2 for adults."),
        ("A titre of 1:40 is positive.", "A titre of 1:160 is positive."),
    ],
)
def test_another_ratio_is_another_number(one, other):
    assert kinds(one, other) == ["number"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.5 mL of 1:1000 adrenaline", "1:1000 adrenaline, 0.5 mL"),
        ("Inject 1:10000 adrenaline.", "Inject adrenaline 1:10,000."),
        ("Inject 1:1000 adrenaline.", "Inject adrenaline (1:1000; 1 mg/mL)."),
        ("It affects boys and girls 3:1.", "It affects girls and boys 1:3."),
        ("It is found in 1:1000 births.", "It is found in 1 in 1000 births."),
        ("Mix it 1:2 with water.", "Mix it 2:4 with water."),
    ],
)
def test_a_ratio_in_other_words_is_no_contradiction(one, other):
    assert kinds(one, other) == []


@pytest.mark.parametrize(
    "text",
    [
        "The ward opens at 8:30.",
        "Come at 1:30.",
        "Come by 1:15 pm.",
        "Day 1: 50 mg",
        "2010;362:1575",
        "0:5",
        f"1:{'9' * 400}",
    ],
)
def test_hours_and_labels_are_no_ratios(text):
    assert "ratio" not in {quantity.dimension for quantity in quantities(text)}
