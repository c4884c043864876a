from __future__ import annotations

from typing import Any

import pytest

from app.models import masks, merging
from app.models.changes import Change, changes


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"enable": True}, {"enable": False}, [Change("enable", True, False)]),
        ({}, {"models": {"A": {"mapping": "x"}}}, [Change("models.A.mapping", None, "x")]),
        ({"models": {"A": {}}, "l": []}, {"models": {}}, []),
        ({"models": {}}, {"models": {"A": {"enable": False}}}, [Change("models.A.enable", None, False)]),
        ({"a": 1}, {"a": True}, [Change("a", 1, True)]),
        ({"l": [1, 2]}, {"l": [2, 1]}, [Change("l", [1, 2], [2, 1])]),
        (
            {"custom_models": [{"id": "x"}, {"id": "y", "created": 1}]},
            {"custom_models": [{"id": "y", "created": 2}, {"id": "x"}]},
            [Change("custom_models[y].created", 1, 2)],
        ),
        ({"api_token": "one"}, {}, [Change("api_token", "***", None)]),
        ({}, {"api_token": "one"}, [Change("api_token", None, "***")]),
        ({"api_token": "one"}, {"api_token": "two"}, [Change("api_token", "***", "*** (another)")]),
    ],
)
def test_changes_are_told_by_path(before: Any, after: Any, expected: list[Change]) -> None:
    assert changes(before, after) == expected


@pytest.mark.parametrize(
    "text",
    [
        "api_token: a-secret\nenable: true\n",
        "api_token: 'a-secret'\nenable: true\n",
        'api_token: "a-\\x73ecret"\nenable: true\n',
        "api_token: >-\n  a-secret\nenable: true\n",
        "x: &t a-secret\napi_token: *t\nenable: true\n",
        "# api_token: a-secret\nenable: true\n",
        '{"api_token": "a-secret", "enable": true}',
        "{api_token: a-secret, enable: true}",
        "note: was a-secret\napi_token: a-secret\nenable: true\n",
        "api_token:\n  a-secret\nenable: true\n",
        "api_token: a-secret\nenable: [true\n",
    ],
)
def test_no_token_stays_in_a_text_that_is_shown(text: str) -> None:
    masked = masks.masked(text)
    assert "a-secret" not in masked
    assert "ecret" not in masked
    assert "enable" in masked or text.startswith("{api")


def test_a_text_without_a_token_stays_as_it_is() -> None:
    text = "enable: true\nmodels: {A: {note: api}}\n"
    assert masks.masked(text) == text


def test_what_a_client_does_not_know_is_kept() -> None:
    before = {
        "enable": True,
        "mine": 1,
        "api_token": "t",
        "models": {"A": {"mapping": "x", "mine": 2}, "B": {"mine": 3}},
        "custom_models": [{"id": "x", "mine": 4, "owned_by": "me"}],
    }
    after = {"models": {"A": {"tools": "xml"}}, "custom_models": [{"id": "y"}, {"id": "x"}]}
    assert merging.merged(before, after) == {
        "mine": 1,
        "api_token": "t",
        "models": {"A": {"tools": "xml", "mine": 2}},
        "custom_models": [{"id": "y"}, {"id": "x", "mine": 4}],
    }


@pytest.mark.parametrize(
    "after", [{"models": 5}, {"custom_models": "x"}, {"models": {"A": 5}}, {"custom_models": [5]}]
)
def test_what_is_wrong_is_left_for_the_check(after: Any) -> None:
    before = {"models": {"A": {"mine": 1}}, "custom_models": [{"id": "x"}]}
    assert merging.merged(before, after) == after
