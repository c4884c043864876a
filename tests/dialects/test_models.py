from __future__ import annotations

import json

from app.dialects import models
from app.models.model import Model


def test_a_model_that_says_nothing_of_itself_has_openais_four_fields():
    assert json.loads(models.render(Model("bot"))) == {
        "id": "bot",
        "object": "model",
        "created": 0,
        "owned_by": "poe",
    }


def test_what_is_known_stands_under_each_clients_name():
    entry = json.loads(
        models.render(Model("bot", 5, "me", "A bot", 8000, 4000, {"a": 1}, {"b": None}, ["web_search"]))
    )
    assert entry == {
        "id": "bot",
        "object": "model",
        "created": 5,
        "owned_by": "me",
        "description": "A bot",
        "context_length": 8000,
        "context_window": 8000,
        "max_model_len": 8000,
        "max_output_tokens": 4000,
        "architecture": {"a": 1},
        "pricing": {"b": None},
        "supported_parameters": ["web_search"],
    }


def test_a_list_holds_them_all_in_their_order():
    found = json.loads(models.render_list([Model("b"), Model("a")]))
    assert (found["object"], [each["id"] for each in found["data"]]) == ("list", ["b", "a"])
    assert json.loads(models.render_list([])) == {"object": "list", "data": []}
