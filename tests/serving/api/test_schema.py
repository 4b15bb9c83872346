"""The API does what its OpenAPI schema says, whether a request fits the schema or not."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

HEADERS = {"Host": "localhost"}
SOME = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
OPERATIONS = [
    ("/v1/chat/completions", "POST"),
    ("/v1/completions", "POST"),
    ("/v1/classify", "POST"),
    ("/v1/models", "GET"),
    ("/v1/models/{model}", "GET"),
    ("/healthz", "GET"),
    ("/metrics", "GET"),
]
# What a question must be depends on the run, and turns must alternate: no schema can say that.
BEYOND_THE_SCHEMA = {"/v1/chat/completions", "/v1/classify"}


@pytest.fixture(scope="module")
def schema(client):
    return schemathesis.openapi.from_asgi("/openapi.json", client.app, headers=HEADERS)


def test_every_operation_is_tried(schema):
    found = [result.ok() for result in schema.get_all_operations()]
    assert {(one.path, one.method.upper()) for one in found} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        (path, method, mode)
        for path, method in OPERATIONS
        for mode in GenerationMode
        if method == "POST" or mode is GenerationMode.POSITIVE  # nothing about a GET can be wrong
    ],
)
def test_answers_are_those_of_the_schema(schema, path, method, mode):
    @SOME
    @given(st.data())
    def tried(data):
        case = data.draw(schema[path][method].as_strategy(generation_mode=mode))
        answer = case.call(headers=HEADERS)
        left_out = [positive_data_acceptance] if path in BEYOND_THE_SCHEMA else []
        if answer.status_code == 413:  # a refusal as well, which this check does not know
            left_out.append(negative_data_rejection)
        case.validate_response(answer, excluded_checks=left_out)

    tried()
