"""Prose about one condition: each of its facts in many wordings, from the name to the fact and back."""

from __future__ import annotations

import random
from collections.abc import Iterable

from medadapt.samples.generating.wordings import AT_NIGHT, named, with_article
from medadapt.samples.knowledge import Condition
from reading.wording import Slots, joined, listed, written

ABOUT = (
    "{name} <is/are> {about}.",
    "{name} <is/are> a [condition|problem] of {specialty}: {about}.",
    "[Doctors|Textbooks|Specialists] describe {name} as {about}.",
    "by {name} [doctors|people] mean {about}.",
    "{name}, [known in|a topic of] {specialty}, <is/are> {about}.",
    "what is called {name} <is/are> {about}.",
    "the name {name} stands for {about}.",
    "[A short|The usual] definition of {name} <is/are> {about}.",
)
SPECIALTY = (
    "{name} <belongs/belong> to {specialty}.",
    "{name} <is/are> treated [mostly|mainly] by specialists in {specialty}.",
    "the field that deals with {name} is {specialty}.",
    "in {specialty}, {name} <is/are> [familiar|well known|important].",
)
SYMPTOMS = (
    "[the usual|typical|the most typical|common] symptoms of {name} include {typical}.",
    "{name} [usually|typically|mostly|often] [<causes/cause>|<brings/bring>|<begins/begin> with] {typical}.",
    "people with {name} [often|typically|usually] [have|notice|complain of|report|suffer from] {typical}.",
    "the [main|leading] symptom of {name} is {first}.",
    "with {name}, [most people have|one expects|doctors look for] {typical}.",
    "[typical|common] signs of {name} include {typical}. [Some|Other] people also [have|notice] {rarer}.",
    "{name} may [also|sometimes|less often] [cause|bring] {rarer}.",
    "less [typical|common|often seen] symptoms of {name} include {rarer}.",
    "[apart from|besides] {typical}, {name} can [cause|bring|lead to] {rarer}.",
    "the picture of {name} is [made up of|marked by] {typical}.",
    "somebody who has {name} is likely to [feel|notice|mention] {typical}.",
    "patients with {name} [describe|report|tell of] {typical}, and at times {rarer}.",
)
FROM_SYMPTOMS = (
    "{mixed} [<suggests/suggest>|<points/point> to|<speaks/speak> for|<is/are> typical of|<fits/fit>] {name}.",
    "when a patient has {mixed}, [think of|doctors think of|one should consider|the likely cause is] {name}.",
    "[a patient|a person|someone|a man|a woman] with {mixed} [may|could] have {name}.",
    "[someone|a person] with {mixed} [probably has|is likely to have] {name}.",
    "[the combination of|together,] {mixed} <makes/make> {name} likely.",
    "{mixed} together are [the picture|a typical picture] of {name}.",
    "if there is {mixed}, the diagnosis may be {name}.",
    "[complaints|symptoms] such as {mixed} [lead to|support|call for thinking of] the diagnosis of {name}.",
    "{mixed} together are [often|usually] due to {name}.",
    "behind {mixed} there [may be|is often] {name}.",
)
CAUSES = (
    "{name} <is/are> [usually|most often|commonly|mostly|often] caused by {causes}.",
    "the [usual|main|known|most common] causes of {name} include {causes}.",
    "{name} [<comes/come> from|<results/result> from|<arises/arise> from|<is/are> due to] {causes}.",
    "[behind|at the root of] {name} there is [often|usually|mostly] {causes}.",
    "what causes {name} is [mostly|usually|often] {causes}.",
    "{causes} [can|may] [cause|lead to|bring about|result in] {name}.",
    "among the causes of {name} are {causes}.",
    "doctors [explain|put down] {name} [by|to] {causes}.",
)
RISKS = (
    "the risk of {name} is [higher|raised|greater] with {risks}.",
    "[risk factors|known risk factors] for {name} are {risks}.",
    "{risks} [<raises/raise>|<increases/increase>] the risk of {name}.",
    "{name} <is/are> [more common|more likely|seen more often] with {risks}.",
    "people are more likely to get {name} because of {risks}.",
    "what makes {name} more likely is {risks}.",
    "among the risk factors of {name} are {risks}.",
    "{name} <affects/affect> some people more than others: {risks} [<matters/matter>|<plays/play> a part].",
)
TESTS = (
    "{name} <is/are> [diagnosed|found|confirmed|recognised] [with|by|by means of] {tests}.",
    "to [diagnose|confirm|find|look for] {name}, doctors [use|order|rely on|arrange] {tests}.",
    "[tests|useful tests|examinations] for {name} [are|include] {tests}.",
    "the diagnosis of {name} [rests on|is made with|needs|is confirmed by] {tests}.",
    "[someone|a person] in whom {name} <is/are> suspected [needs|should have|is sent for] {tests}.",
    "{tests} <helps/help> to [find|confirm|diagnose] {name}.",
    "{tests} <is/are> used to test for {name}.",
    "if {name} <is/are> suspected, {tests} can [confirm|show] it.",
)
TREATMENTS = (
    "{name} <is/are> [usually|mostly|often|generally] treated with {treatments}.",
    "[treatment|the treatment|the usual treatment] of {name} [is|consists of|includes|relies on] {treatments}.",
    "for {name}, doctors [give|recommend|offer|advise|use] {treatments}.",
    "people with {name} are [helped|treated] [by|with] {treatments}.",
    "{treatments} <is/are> used to treat {name}.",
    "what helps in {name} is {treatments}.",
    "{treatments} [can|may] [help|relieve|improve] {name}.",
    "therapy of {name}: {treatments}.",
    "among the treatments of {name} are {treatments}.",
)
PREVENTION = (
    "{name} can [often|sometimes|partly] be prevented by {prevention}.",
    "to prevent {name}, doctors [advise|recommend] {prevention}.",
    "{prevention} <helps/help> to prevent {name}.",
    "the risk of {name} is [lowered|reduced] by {prevention}.",
    "protection against {name} comes from {prevention}.",
    "prevention of {name} [means|rests on|relies on] {prevention}.",
    "one can lower the chance of {name} through {prevention}.",
)
COMPLICATIONS = (
    "[untreated|without treatment|over time|in bad cases], {name} can lead to {complications}.",
    "[complications|possible complications|feared complications] of {name} are {complications}.",
    "{name} may be [complicated|followed] by {complications}.",
    "{complications} [can|may] [follow|develop from|result from] {name}.",
    "the [danger|main danger|danger] of {name} is {complications}.",
    "{name} can end in {complications}.",
    "doctors watch people with {name} for {complications}.",
)
RED_FLAGS = (
    "in {name}, {flags} <is/are> a reason to get help at once.",
    "anyone with {name} who [has|gets|notices] {flags} should [go to the emergency department|call for help at once|"
    "be seen without delay].",
    "in a person with {name}, {flags} <is/are> [a warning|an alarm].",
    "[warning signs|signs of danger] in {name} include {flags}.",
    "get help at once if {name} <comes/come> with {flags}.",
    "with {name}, {flags} <needs/need> urgent care.",
)
NIGHT = (
    "the complaints of {name} are often worse at night.",
    "{name} often <bothers/bother> people most at night.",
    "at night the complaints of {name} tend to be worse.",
)
COMPARED = (
    "{name} and {other} share {shared}, but {name} more often <brings/bring> {own}.",
    "both {name} and {other} [can|may] cause {shared}. [What speaks|The point that speaks] for {name} is {own}.",
    "{name} must be told apart from {other}: {own} <points/point> to {name}, while {others} <points/point> to {other}.",
    "unlike {other}, {name} [often|typically] [<causes/cause>|<brings/bring>] {own}.",
)


def article(condition: Condition, rng: random.Random) -> str:
    """Several paragraphs on a condition: what it is, then some of its sides in random order."""
    slots = slots_of(condition, rng)
    parts = [SYMPTOMS, FROM_SYMPTOMS, CAUSES, RISKS, TESTS, TREATMENTS, COMPLICATIONS, SPECIALTY]
    parts += [PREVENTION] if condition.prevention else []
    parts += [RED_FLAGS] if condition.red_flags else []
    parts += [NIGHT] if AT_NIGHT in condition.symptoms else []
    chosen = rng.sample(parts, rng.randint(3, 6))
    opening = [written(ABOUT, rng, slots)] if rng.random() < 0.8 else []
    return " ".join([*opening, *(written(part, rng, slots) for part in chosen)])


def side(condition: Condition, rng: random.Random) -> str:
    """One side of a condition, told twice in different words."""
    slots = slots_of(condition, rng)
    part = rng.choice(
        [
            ABOUT,
            SYMPTOMS,
            FROM_SYMPTOMS,
            FROM_SYMPTOMS,
            CAUSES,
            RISKS,
            TESTS,
            TREATMENTS,
            *([PREVENTION] if condition.prevention else []),
            COMPLICATIONS,
        ]
    )
    return " ".join(written(pattern, rng, slots) for pattern in rng.sample(part, 2))


def comparison(condition: Condition, others: list[Condition], rng: random.Random) -> str | None:
    """What tells a condition from one that shares a symptom; None where nothing is shared."""
    other = rng.choice(others)
    here, there = things_of(condition), things_of(other)
    shared = [symptom for symptom in here if symptom in there]
    own = [name for name, share in here.items() if name not in there and share >= 0.3]
    others_own = [name for name, share in there.items() if name not in here and share >= 0.3]
    if other is condition or not (shared and own and others_own):
        return None
    slots = {
        **slots_of(condition, rng),
        "other": named(other),
        "shared": lambda: listed(as_told(shared, rng), rng, most=2),
        "own": lambda: listed(as_told(own, rng), rng, most=2),
        "others": lambda: listed(as_told(others_own, rng), rng, most=2),
    }
    return written(COMPARED, rng, slots)


def slots_of(condition: Condition, rng: random.Random) -> Slots:
    """What may be filled in about a condition."""
    told = things_of(condition)
    typical = [name for name, share in told.items() if share >= 0.35]
    rarer = [name for name, share in told.items() if share < 0.35]
    return {
        "name": named(condition),
        "about": condition.about,
        "specialty": condition.specialty,
        "first": with_article(max(told, key=lambda name: told[name])),
        "typical": lambda: listed(as_told(typical, rng), rng, most=5),
        "rarer": lambda: listed(as_told(rarer, rng), rng, most=3),
        "mixed": lambda: drawn(condition, rng),
        "causes": lambda: listed(condition.causes, rng),
        "risks": lambda: listed(condition.risk_factors, rng),
        "tests": lambda: listed(condition.tests, rng),
        "treatments": lambda: listed(condition.treatments, rng),
        "prevention": lambda: listed(condition.prevention, rng),
        "complications": lambda: listed(condition.complications, rng),
        "flags": lambda: listed(as_told(condition.red_flags, rng), rng),
    }


def drawn(condition: Condition, rng: random.Random) -> str:
    """Three to seven symptoms of one patient, drawn by their shares."""
    told = things_of(condition)
    wanted = rng.randint(3, min(7, len(told)))
    keys = {name: rng.random() ** (1 / share) for name, share in told.items()}
    return joined(as_told(sorted(keys, key=keys.__getitem__, reverse=True)[:wanted], rng), rng=rng)


def things_of(condition: Condition) -> dict[str, float]:
    """The symptoms that can stand in a list, with their shares: `worse at night` has a sentence of its own."""
    return {name: share for name, share in condition.symptoms.items() if name != AT_NIGHT}


def as_told(symptoms: Iterable[str], rng: random.Random) -> list[str]:
    """The symptoms as sentences name them, mostly with the article that belongs to some: `a fever`."""
    return [with_article(name) if rng.random() < 0.7 else name for name in symptoms]
