"""Fields of every kind, as no client would send them: names, types, parameters."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.abuse.conftest import TIMES
from tests.abuse.words import FIELDS, NUMBERS, POSTS, QUERIES, WORDS

pytestmark = pytest.mark.slow

PLENTY = settings(max_examples=60 * TIMES, suppress_health_check=list(HealthCheck), database=None)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.text(max_size=40),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=12), values, max_size=6)
JSON = {"content-type": "application/json"}
LISTS = ["/v1/videos", "/v1/files", "/v1/webhook_endpoints"]


@PLENTY
@given(path=st.sampled_from(POSTS), body=bodies, prompted=st.booleans())
def test_fields_of_every_kind(target, path, body, prompted):
    given = ({"prompt": "a boat"} if prompted else {}) | body
    target.ask(
        f"fields: {given!a}", "POST", path, taken=True, content=json.dumps(given).encode(), headers=JSON
    )


@PLENTY
@given(
    path=st.sampled_from(LISTS),
    name=st.sampled_from(QUERIES),
    value=st.sampled_from(WORDS) | st.text(max_size=50) | st.sampled_from(NUMBERS).map(str),
)
def test_parameters_of_lists(target, path, name, value):
    target.ask(
        f"parameters: {name}={value!a}",
        "GET",
        path,
        taken=True,
        params={name: value.encode("utf-8", "replace")},
    )
