"""Runs in which every text of the data is hostile: questions, answers, options, labels, subjects, files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from made_proof import proven_choices, proven_questions

from medadapt.report.inputs import ReportInputs


def hostile_choices(strings: Sequence[str]) -> ReportInputs:
    """A multiple-choice run; test record i holds string i (over and over) in each of its texts."""
    inputs = proven_choices()
    own = [strings[place % len(strings)] for place in range(len(inputs.test))]
    test = [
        dataclasses.replace(
            record,
            id=f"{place} {text}",
            question=f"question {text}",
            context=f"context {text}",
            answer=text,
            options=[f"{letter} {text}" for letter in "abcd"],
            subject=f"subject {text}",
            qtype=f"type {text}",
        )
        for place, (record, text) in enumerate(zip(inputs.test, own, strict=True))
    ]
    return dataclasses.replace(
        inputs,
        test=test,
        baseline=[
            dataclasses.replace(p, id=r.id, text=r.answer) for p, r in zip(inputs.baseline, test, strict=True)
        ],
        tuned=[
            dataclasses.replace(p, id=r.id, text=r.answer) for p, r in zip(inputs.tuned, test, strict=True)
        ],
        prompts={record.id: record.question for record in test},
        metrics={
            **inputs.metrics,
            "confusion": {},
            "leakage": {
                **inputs.metrics["leakage"],
                "flagged": {r.id: [r.answer, "near"] for r in test[::3]},
            },
            "groups": {"subject": {str(r.subject): {"n": 1, "baseline": None, "tuned": None} for r in test}},
        },
        data={**inputs.data, "sources": {f"{text}.csv": "sha" for text in strings}, "labels": list(strings)},
        steps=[],
    )


def hostile_questions(strings: Sequence[str]) -> ReportInputs:
    """A run of dialogues; record i holds string i in question, turns, reference and what both models wrote."""
    inputs = proven_questions()
    whole = list(zip(inputs.test, inputs.baseline, inputs.tuned, strict=True))
    chosen = [whole[place % len(whole)] for place in range(len(strings))]
    test = [
        dataclasses.replace(
            record,
            id=f"{place} {text}",
            question=text,
            answer=text,
            qtype=text,
            history=[{"role": text, "content": text}, {"role": "user", "content": text}],
        )
        for place, ((record, *_), text) in enumerate(zip(chosen, strings, strict=True))
    ]
    models = [
        [
            dataclasses.replace(row[which], id=record.id, text=record.answer)
            for row, record in zip(chosen, test, strict=True)
        ]
        for which in (1, 2)
    ]
    boilerplate = inputs.metrics["leakage"]["boilerplate"]
    passage = {**boilerplate["passage"], "text": strings[0]}
    leakage = {**inputs.metrics["leakage"], "boilerplate": {**boilerplate, "passage": passage}, "flagged": {}}
    return dataclasses.replace(
        inputs,
        test=test,
        baseline=models[0],
        tuned=models[1],
        metrics={**inputs.metrics, "leakage": leakage, "soft_match": {}, "error_length": {}},
        search=None,
        steps=[],
    )
