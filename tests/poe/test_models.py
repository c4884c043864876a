from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ApiError
from app.models.model import Model
from app.poe import models


def decoded(entry: dict[str, Any]) -> Model:
    return models.decode(msgspec.json.encode({"object": "list", "data": [{"id": "bot", **entry}]}))[0]


def test_poes_entry_is_read():
    entry = {
        "object": "model",
        "created": 1712505600000,
        "owned_by": "Anthropic",
        "description": "A bot",
        "architecture": {"input_modalities": ["text"], "modality": "text->text"},
        "pricing": {"prompt": "0.0000026", "image": None},
        "context_window": {"context_length": 200000, "max_output_tokens": 64000},
        "parameters": [{"name": "thinking_budget", "schema": {}}, {"name": "web_search"}],
    }
    assert decoded(entry) == Model(
        id="bot",
        created=1712505600,
        owned_by="Anthropic",
        description="A bot",
        context_length=200000,
        max_output_tokens=64000,
        architecture=entry["architecture"],
        pricing=entry["pricing"],
        parameters=("thinking_budget", "web_search"),
    )


@pytest.mark.parametrize("odd", [None, "", "x", -1, True, [], {}, [1], {"a": None}, 1.5])
def test_fields_that_are_missing_or_odd_are_left_out(odd: Any):
    names = ("created", "owned_by", "architecture", "pricing", "context_window", "parameters", "description")
    model = decoded(dict.fromkeys((*names, "supported_features", "supported_parameters"), odd))
    assert not model.has_tools
    assert model.id == "bot"
    assert model.context_length is None
    assert model.parameters == () or not list(model.parameters)


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        (1712505600000, 1712505600),
        (1712505600, 1712505600),
        (1712505600123.5, 1712505600),
        (0, 0),
        ("1", 0),
        (None, 0),
    ],
)
def test_created_is_in_seconds(created: Any, seconds: int):
    assert decoded({"created": created}).created == seconds


@pytest.mark.parametrize(
    "entry",
    [{"context_window": 8000}, {"context_length": 8000}, {"context_window": {"context_length": 8000}}],
)
def test_the_context_length_is_found_where_it_stands(entry: dict[str, Any]):
    assert decoded(entry).context_length == 8000


def test_entries_without_an_id_are_left_out():
    body = b'{"data": [{"id": "a"}, {"id": null}, {"id": ""}, {"id": 1}, {}, null, "b", {"id": "c"}]}'
    assert [model.id for model in models.decode(body)] == ["a", "c"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"data": null}', b'{"data": {}}', b"\xff", b"[" * 50_000]
)
def test_what_is_no_list_is_a_bad_gateway(body: bytes):
    with pytest.raises(ApiError) as raised:
        models.decode(body)
    assert raised.value.status == 502


_ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "context_length"]), inner)
    ),
    max_leaves=5,
)
_FIELDS = ("created", "owned_by", "description", "architecture", "pricing", "context_window", "parameters")


@given(st.dictionaries(st.sampled_from(_FIELDS), _ODD))
def test_no_entry_breaks_the_list(entry: dict[str, Any]):
    assert decoded(entry).id == "bot"


@pytest.mark.parametrize("field", ["supported_features", "supported_parameters"])
def test_a_bot_of_which_the_list_says_so_has_tools(field: str):
    assert decoded({field: ["x", "tools"]}).has_tools
    assert not decoded({field: ["tool_choice", "toolsmith", None]}).has_tools
    assert not decoded({field: "tools"}).has_tools
