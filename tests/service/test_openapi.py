"""The OpenAPI document is true: requests made from it are answered as it says, without a 5xx."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip("schemathesis", reason="needs pip install '.[test-serve]'")

from schemathesis import checks  # noqa: E402
from schemathesis.specs.openapi import checks as openapi_checks  # noqa: E402


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def _check(case) -> None:
    case.validate_response(
        case.call(),
        checks=[
            checks.not_a_server_error,
            openapi_checks.status_code_conformance,
            openapi_checks.content_type_conformance,
            openapi_checks.response_headers_conformance,
            openapi_checks.response_schema_conformance,
        ],
    )


def test_every_request_is_answered_as_the_document_says(service):
    document = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 8
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            with contextlib.suppress(Unsatisfiable):  # such as a wrong GET without parameters
                given(operation.as_strategy(generation_mode=mode))(_check)()
    answered = [line["status"] for line in service.log if line["event"] == "request"]
    assert len(answered) > 300
    assert {200, 400, 422} <= set(answered)
    assert not [line for line in service.log if line["level"] == "error"]


def test_the_document_has_examples_of_what_is_really_answered(service, example):
    document = service.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    answer = service.client.post("/v1/faces?samples=1", files={"recording": example.read_bytes()},
                                 headers={"Accept": "application/json"})  # fmt: skip
    assert schemas["Faces"]["example"].keys() == answer.json().keys() >= {"faces", "notice"}
    assert schemas["Problem"]["example"].keys() == service.client.get("/x").json().keys()
    for path in ("/v1/faces", "/v1/embedding", "/v1/morph"):
        described = document["paths"][path]["post"]
        assert set(described["requestBody"]["content"]) >= {"multipart/form-data"}
        assert {"200", "413", "422", "503", "504"} <= described["responses"].keys()
        assert "application/problem+json" in described["responses"]["413"]["content"]
