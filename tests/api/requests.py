"""Requests, and the errors with which they are refused."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.gateway import WORDS, Gateway, authorization
from tests.upstream.scripted import Bot

LIMIT = 1024 * 1024  # the gateway's MAX_REQUEST_SIZE
CHAT = "/v1/chat/completions"


def body_for(bot: Bot, **fields: Any) -> bytes:
    return json.dumps(
        {"model": bot.name, "messages": [{"role": "user", "content": WORDS}], **fields}
    ).encode()


def post(gateway: Gateway, content: Any, path: str = CHAT, **headers: str) -> httpx.Response:
    fields = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return gateway.http.post(path, content=content, headers=authorization() | fields)


def told(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The error of a response, which must have this status and OpenAI's form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.headers["access-control-allow-origin"] == "*"
    error: dict[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    assert error["message"].isascii()
    return error
