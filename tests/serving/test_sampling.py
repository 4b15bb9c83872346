import pytest

from medadapt.core.errors import MedAdaptError
from medadapt.serving.sampling import Sampling, check_sampling


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--temperature", {"temperature": -0.1}),
        ("--temperature", {"temperature": float("nan")}),
        ("--top-p", {"temperature": 1, "top_p": 0.0}),
        ("--top-p", {"temperature": 1, "top_p": 1.1}),
        ("--top-k", {"temperature": 1, "top_k": 0}),
        ("--repetition-penalty", {"repetition_penalty": 0.0}),
        ("--seed", {"temperature": 1, "seed": -1}),
    ],
)
def test_values_without_sense_are_refused_by_name(option, values):
    with pytest.raises(MedAdaptError) as told:
        check_sampling(Sampling(**values))
    assert told.value.problem.startswith(option)


@pytest.mark.parametrize("idle", [{"top_p": 0.9}, {"top_k": 5}, {"seed": 1}])
def test_a_setting_that_would_change_nothing_is_refused(idle):
    with pytest.raises(MedAdaptError, match="change nothing"):
        check_sampling(Sampling(**idle))


def test_a_penalty_counts_at_temperature_0_too():
    check_sampling(Sampling(repetition_penalty=1.2))
