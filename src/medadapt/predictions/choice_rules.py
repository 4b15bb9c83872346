"""From log-likelihoods to a choice: the four rules, which may disagree.

`sum` is the likelihood of the whole completion, which favours short ones. `per_token` divides it by the completion's
tokens, the closing token included where it is scored, `per_byte` by the UTF-8 bytes of its text, which do not depend on
the tokenizer (`acc_bytes` of lm-evaluation-harness). `relative` takes off what the completion has without any
question, so that a label the model likes in any case gains nothing by it (Brown et al. 2020, section 2.4; Holtzman et
al. 2021). For answers by letter all but `relative` agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medadapt.core.choice_rules import CHOICE_RULES, ChoiceRule
from medadapt.predictions.questions import Question


def by_rule(
    scores: Mapping[str, float],
    question: Question,
    without_question: Mapping[str, float],
    rules: Sequence[ChoiceRule] = CHOICE_RULES,
) -> dict[ChoiceRule, dict[str, float]]:
    """The figure of each choice under each of some rules, in nats; the highest wins.

    `scores` are log-likelihoods of choices after the prompt, of all or some of them, `without_question` of all after
    its closing words alone.
    """
    places = {name: place for place, name in enumerate(question.choices or {})}
    divisors, taken_off = measures_of(question, without_question, rules)
    return {
        rule: {name: score / divided[places[name]] - less[places[name]] for name, score in scores.items()}
        for rule, divided, less in zip(rules, divisors, taken_off, strict=True)
    }


def measures_of(
    question: Question, without_question: Mapping[str, float], rules: Sequence[ChoiceRule]
) -> tuple[list[list[float]], list[list[float]]]:
    """By what each of some rules divides the choices' log-likelihoods, and what it then takes off them."""
    choices = question.choices or {}
    as_it_is, nothing = [1.0] * len(choices), [0.0] * len(choices)
    divisors: dict[ChoiceRule, list[float]] = {
        "per_token": [float(len(tokens)) for tokens in choices.values()],
        "per_byte": [float(max(1, question.choice_bytes[name])) for name in choices],
    }
    return (
        [divisors.get(rule, as_it_is) for rule in rules],
        [[without_question[name] for name in choices] if rule == "relative" else nothing for rule in rules],
    )


def searched_rules(choice_by: ChoiceRule) -> tuple[ChoiceRule, ...]:
    """The rules whose choices are found where not every choice is scored.

    What `relative` takes off an unlikely choice is so much that it must be read to its end however unlikely it begins,
    so its choice is only looked for where it counts.
    """
    return tuple(rule for rule in CHOICE_RULES if rule in (choice_by, "sum", "per_token", "per_byte"))
