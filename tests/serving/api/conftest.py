"""Applications over small finished runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from medadapt.serving.api.app import Settings, build_app
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.desk import Desk

HOST = "http://localhost"


def desk_for(run) -> Desk:
    return Desk(load(find_target(str(run)), device="cpu"))


def client_for(desk, run, grounding=None, **settings) -> TestClient:
    app = build_app(desk, Settings(target=str(run), **settings), grounding)
    return TestClient(app, base_url=HOST, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def desk(diagnosis_run) -> Iterator[Desk]:
    with desk_for(diagnosis_run) as made:
        yield made


@pytest.fixture(scope="module")
def client(desk, diagnosis_run) -> TestClient:
    return client_for(desk, diagnosis_run)


@pytest.fixture(scope="module")
def typed_client(typed_run) -> Iterator[TestClient]:
    with desk_for(typed_run) as made:
        yield client_for(made, typed_run)


@pytest.fixture(scope="module")
def choice_client(choice_run) -> Iterator[TestClient]:
    with desk_for(choice_run) as made:
        yield client_for(made, choice_run)
