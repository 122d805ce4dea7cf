"""The OpenAPI document tells all routes; what they answer is held against it in all the tests of this folder."""

import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.service.documented import UNDOCUMENTED, held_against


def test_the_document_tells_every_route_and_method(http):
    told = {
        (method.upper(), path)
        for path, operations in http.app.openapi()["paths"].items()
        for method in operations
    }
    routes = {
        (method, route.path.replace(":path}", "}")) for route in http.app.routes for method in route.methods
    }

    assert {each for each in routes if each[1] not in UNDOCUMENTED} == told


@pytest.mark.parametrize(("status", "headers"), [(418, {}), (200, {"x-new": "1"})])
def test_an_answer_that_the_document_does_not_tell_fails_the_test_that_got_it(http, status, headers):
    hold = held_against(http.app)
    request = httpx2.Request("GET", "http://here/v1/videos")

    hold(httpx2.Response(200, headers={"x-request-id": "a"}, request=request))
    with pytest.raises(AssertionError, match="does not tell"):
        hold(httpx2.Response(status, headers=headers, request=request))


@pytest.fixture
def hurried():
    """Threads take turns so often that one sees what another leaves half done."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_nobody_is_told_the_document_before_it_is_complete(http):
    app = http.app
    app.openapi_schema = None

    def read_as_soon_as_there_is_one():
        while app.openapi_schema is None:
            pass
        return str(app.openapi()["paths"]["/v1/videos"]["post"]["responses"]["200"])

    with ThreadPoolExecutor(1) as readers:
        read = readers.submit(read_as_soon_as_there_is_one)
        app.openapi()

    assert "x-request-id" in read.result()


def test_no_parameter_is_said_to_be_null(http):
    operations = [each for path in http.app.openapi()["paths"].values() for each in path.values()]
    parameters = {each["name"]: each["schema"] for every in operations for each in every["parameters"]}

    assert {"after", "Last-Event-ID", "Idempotency-Key", "limit"} <= set(parameters)
    assert not [name for name, schema in parameters.items() if "null" in str(schema)]
    assert parameters["Last-Event-ID"]["pattern"]


@pytest.mark.parametrize("path", ["/v1/videos/", "/v1/videos/characters/x/", "/v1/files/"])
def test_a_path_with_a_slash_too_many_is_no_path_and_leads_to_nowhere(http, path):
    for method in ("GET", "POST"):
        reply = http.request(method, path, headers={"host": "evil.example"})

        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
        assert "location" not in reply.headers
