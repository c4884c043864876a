"""Parts of messages with attachments, and what becomes of them."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from tests.gateway import Gateway, message_of
from tests.upstream.scripted import Bot, Script, ScriptedUpstream, respond

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
CDN = "https://pfst.cf2.poecdn.net/base/image/"


def takes_uploads(upstream: ScriptedUpstream, *scripts: Script) -> Bot:
    return upstream.bot(*scripts, name="uploads")


def uploaded(name: str) -> Any:
    return respond(200, {"attachment_url": CDN + name, "mime_type": "image/png", "inline_ref": None})


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{encoded(content)}"


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(**fields: str) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def audio(data: str, kind: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


def video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


def showing(content: bytes) -> list[dict[str, Any]]:
    """A conversation that shows an image."""
    return [{"role": "user", "content": [image(data_url(content))]}]


def random_image(size: int = 1000) -> bytes:
    return PNG + os.urandom(size)


def received(gateway: Gateway, *messages: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """The messages that the bot got."""
    response = gateway.ask("Echo", messages=list(messages), **fields)
    query = json.loads(message_of(response)["content"])
    return list(query["query"])


def attached(gateway: Gateway, *parts: dict[str, Any]) -> list[dict[str, Any]]:
    """The attachments of the message that the bot got for a user's message of ``parts``."""
    (message,) = received(gateway, {"role": "user", "content": list(parts)})
    return list(message.get("attachments", []))


def told(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code
    return error
