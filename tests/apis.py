"""The three APIs as clients see them: their requests and answers, whole or streamed."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
import pytest

from tests import response_types
from tests.gateway import WORDS, Client, Gateway, authorization, content_of, events_in

# What Anthropic's API calls an error, by its status, and by the code that the others give it in a stream.
_KINDS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_STATUSES = {
    "answer_timeout": 504,
    "first_byte_timeout": 504,
    "idle_timeout": 504,
    "insufficient_quota": 402,
    "upstream_error": 502,
}


@dataclass(frozen=True)
class Said:
    """A complete answer: its text, and the code of the failure, if it failed."""

    text: str
    failure: str | None = None


class Api(ABC):
    """One API."""

    name: ClassVar[str]
    path: ClassVar[str]
    heartbeat: ClassVar[bytes] = b": ping\n\n"

    @abstractmethod
    def body(self, bot: str, content: str = WORDS, **fields: Any) -> dict[str, Any]:
        """A request with one message."""

    @abstractmethod
    def check(self, body: dict[str, Any], status: int, code: str | None) -> dict[str, Any]:
        """The error in ``body``, which must have this API's form and ``code``."""

    @abstractmethod
    def whole(self, body: dict[str, Any]) -> str:
        """The text of a whole answer."""

    @abstractmethod
    def streamed(self, body: bytes) -> Said:
        """The answer in a stream, which must be in this API's order and complete."""

    def ask(self, gateway: Gateway, bot: str, content: str = WORDS, **fields: Any) -> httpx.Response:
        body = self.body(bot, content, **fields)
        return gateway.http.post(self.path, json=body, headers=authorization())

    def send(self, client: Client, bot: str, **fields: Any) -> Client:
        """Send a whole request; nothing is read yet."""
        return client.request("POST", self.path, json.dumps(self.body(bot, **fields)).encode())

    def told(self, response: httpx.Response, status: int, code: str | None) -> dict[str, Any]:
        """The error of a response, which must have this status and code and this API's form."""
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-request-id"]
        error = self.check(response.json(), status, code)
        assert error["message"]
        assert error["type"]
        return error

    def said(self, response: httpx.Response) -> Said:
        """The answer in a successful response."""
        assert response.status_code == 200, response.text
        if response.headers["content-type"] == "application/json":
            return Said(self.whole(response.json()))
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return self.streamed(response.content)

    def failed(self, code: str) -> str:
        """The code of a failure in a stream."""
        return code

    def check_end(self, response: httpx.Response, text: str, failure: str | None) -> None:
        """A request's outcome must be ``text``, or ``failure``, as its status or at the end of a stream."""
        if failure is None:
            assert self.said(response) == Said(text)
        elif response.status_code == 200:
            assert self.said(response).failure == self.failed(failure)
        else:
            self.told(response, _STATUSES[failure], failure)


class Chat(Api):
    """OpenAI's Chat Completions API."""

    name = "chat"
    path = "/v1/chat/completions"

    def body(self, bot: str, content: str = WORDS, **fields: Any) -> dict[str, Any]:
        return {"model": bot, "messages": [{"role": "user", "content": content}], **fields}

    def check(self, body: dict[str, Any], status: int, code: str | None) -> dict[str, Any]:
        assert body.keys() == {"error"}
        error: dict[str, Any] = body["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["code"] == code, error
        return error

    def whole(self, body: dict[str, Any]) -> str:
        (choice,) = body["choices"]
        assert choice["finish_reason"] == "stop"
        return str(choice["message"]["content"])

    def streamed(self, body: bytes) -> Said:
        *chunks, last, done = [
            each for each in events_in(body) if not isinstance(each, str) or each[0] != ":"
        ]
        assert done == "[DONE]"
        reasons = [choice["finish_reason"] for each in chunks for choice in each["choices"]]
        assert not any(reasons), reasons
        if "error" in last:
            self.check(last, 0, last["error"]["code"])
            return Said(content_of(chunks), last["error"]["code"])
        assert last["choices"][0]["finish_reason"] == "stop"
        return Said(content_of(chunks))


class Responses(Chat):
    """OpenAI's Responses API, whose errors are those of Chat Completions."""

    name = "responses"
    path = "/v1/responses"

    def body(self, bot: str, content: str = WORDS, **fields: Any) -> dict[str, Any]:
        return {"model": bot, "input": content, **fields}

    def whole(self, body: dict[str, Any]) -> str:
        response_types.checked(body)
        assert body["status"] == "completed"
        return response_types.output_text(body)

    def streamed(self, body: bytes) -> Said:
        *_, failed, last = response_types.events_of(body)
        text = response_types.output_text(last["response"])
        if last["type"] == "response.failed":
            return Said(text, failed["error"]["code"])
        assert last["type"] == "response.completed"
        return Said(text)


class Messages(Api):
    """Anthropic's Messages API."""

    name = "messages"
    path = "/v1/messages"
    heartbeat = b'event: ping\ndata: {"type":"ping"}\n\n'

    def body(self, bot: str, content: str = WORDS, **fields: Any) -> dict[str, Any]:
        return {
            "model": bot,
            "max_tokens": 100_000,
            "messages": [{"role": "user", "content": content}],
            **fields,
        }

    def told(self, response: httpx.Response, status: int, code: str | None) -> dict[str, Any]:
        assert response.headers["request-id"] == response.json()["request_id"]
        return super().told(response, status, code)

    def failed(self, code: str) -> str:
        return _KINDS[_STATUSES[code]]

    def check(self, body: dict[str, Any], status: int, code: str | None) -> dict[str, Any]:
        assert body.keys() == {"type", "error", "request_id"}
        assert body["type"] == "error"
        assert body["request_id"]
        error: dict[str, Any] = body["error"]
        assert error.keys() == {"type", "message"}
        assert error["type"] == _KINDS.get(status, "invalid_request_error"), error
        return error

    def whole(self, body: dict[str, Any]) -> str:
        assert body["stop_reason"] == "end_turn"
        return "".join(block["text"] for block in body["content"])

    def streamed(self, body: bytes) -> Said:
        assert body.endswith(b"\n\n")
        *events, last = map(_message_event, body.decode()[:-2].split("\n\n"))
        events = [each for each in events if each["type"] != "ping"]
        if events or last["type"] != "error":  # which may come before the message has begun
            begun, *events = events
            assert begun["type"] == "message_start"
        kinds = [each["type"] for each in events]
        text = "".join(each["delta"]["text"] for each in events if each["type"] == "content_block_delta")
        is_open = kinds.count("content_block_start") - kinds.count("content_block_stop")
        if last["type"] == "error":
            assert is_open in (0, 1)
            kind = last["error"]["type"]
            (status,) = (status for status, each in _KINDS.items() if each == kind)
            self.check(last, status, None)
            return Said(text, kind)
        assert (last["type"], kinds[-1], is_open) == ("message_stop", "message_delta", 0)
        assert events[-1]["delta"]["stop_reason"] == "end_turn"
        return Said(text)


def _message_event(block: str) -> dict[str, Any]:
    name, _, data = block.partition("\n")
    event: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert name == f"event: {event['type']}"
    return event


CHAT = Chat()
APIS: tuple[Api, ...] = (CHAT, Responses(), Messages())
every_api = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
