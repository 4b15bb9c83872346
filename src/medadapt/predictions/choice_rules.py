"""From log-likelihoods to a choice: the four rules, which may disagree.

`sum` is the likelihood of the whole completion, which favours short ones. `per_token` divides it by the completion's
tokens, the closing token included where it is scored, `per_byte` by the UTF-8 bytes of its text, which do not depend on
the tokenizer (`acc_bytes` of lm-evaluation-harness). `relative` takes off what the completion has without any
question, so that a label the model likes in any case gains nothing by it (Brown et al. 2020, section 2.4; Holtzman et
al. 2021). For answers by letter all but `relative` agree.
"""

from __future__ import annotations

from collections.abc import Mapping

from medadapt.core.choice_rules import ChoiceRule
from medadapt.predictions.questions import Question


def by_rule(
    scores: Mapping[str, float], question: Question, without_question: Mapping[str, float]
) -> dict[ChoiceRule, dict[str, float]]:
    """The figure of each choice under each rule, in nats; the highest wins.

    `scores` and `without_question` are log-likelihoods of the choices after the prompt, and after its closing words
    alone.
    """
    tokens = question.choices or {}
    return {
        "sum": dict(scores),
        "per_token": {name: score / len(tokens[name]) for name, score in scores.items()},
        "per_byte": {name: score / max(1, question.choice_bytes[name]) for name, score in scores.items()},
        "relative": {name: score - without_question[name] for name, score in scores.items()},
    }
