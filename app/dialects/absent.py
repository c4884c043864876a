"""Absent: APIs that the gateway does not have, and an error that helps their clients, in their own form."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from app.dialects import messages_answer
from app.errors import ApiError, not_found


class Absence(Struct, frozen=True):
    """An ``error``, and how to render it for that API's clients, if not as for all others."""

    error: ApiError
    render: Callable[[ApiError, str], bytes] | None = None


# What is here. Before it stands a wrong base URL.
_MESSAGES = ("/messages", "/messages/count_tokens")
_PRESENT = ("/chat/completions", "/responses", *_MESSAGES)

_CHAT = "POST /v1/chat/completions"
_BATCHES = (
    "There are no batches: POST /v1/messages answers a message at once, and POST "
    "/v1/messages/count_tokens counts."
)
_LINK = f"by {_CHAT}; it answers with a link"
_FILES = "files go into messages, as parts of type file"
# By a segment of the path, whatever stands before it in the base URL.
_OPENAI = {
    "completions": ("Completions", f"Poe's bots chat: {_CHAT}, with messages"),
    "responses": (
        "stored Responses",
        "nothing is stored; POST /v1/responses with the whole conversation as input",
    ),
    "embeddings": ("Embeddings", "Poe has no bots for them; use another provider"),
    "moderations": ("Moderations", "Poe has no bots for them"),
    "images": ("Images", f"ask an image bot {_LINK}"),
    "videos": ("Videos", f"ask a video bot {_LINK}"),
    "audio": (
        "Audio",
        f"ask a bot that speaks {_LINK}; audio for a bot goes into messages, as input_audio",
    ),
    "files": ("Files", _FILES),
    "uploads": ("Uploads", _FILES),
}
_OLLAMA = frozenset(
    f"/api/{name}" for name in ("chat", "embed", "embeddings", "generate", "ps", "show", "tags", "version")
)


def find(path: str, root: str) -> Absence | None:
    """The absence of the API at ``path``, if it is a known one. ``root`` is the URL of this gateway."""
    path, base_url = path.rstrip("/"), f"{root}/v1"
    if path in _OLLAMA:
        advice = "choose OpenAI or an OpenAI-compatible API as the provider"
        return Absence(_error("Ollama", advice, base_url), _render_ollama)
    segments = path.strip("/").split("/")
    if segments[0].startswith(("v1beta", "v1alpha")):
        return Absence(_error("Gemini", "this gateway speaks OpenAI's API", base_url), _render_gemini)
    if path.endswith(_PRESENT) or "chat" in segments:
        return None
    for segment in segments:
        if segment == "messages":
            return Absence(not_found(_BATCHES), messages_answer.render_error)
        if segment in _OPENAI:
            return Absence(_error(*_OPENAI[segment], base_url))
    return None


def mistaken(path: str, meant: str | None, root: str) -> Absence:
    """The absence of any other path. ``meant`` is the path that was probably meant, if there is one."""
    hint = f" Did you mean {meant}?" if meant else ""
    told = f"There is no {path} here.{hint}"
    if meant and meant.endswith(_MESSAGES):
        error = not_found(f"{told} The base URL for Anthropic clients is {root}.")
        return Absence(error, messages_answer.render_error)
    return Absence(not_found(f"{told} The base URL for OpenAI clients is {root}/v1."))


def _error(api: str, advice: str, base_url: str) -> ApiError:
    message = f"The {api} API is not available: {advice}. The base URL for OpenAI clients is {base_url}."
    return not_found(message)


def _render_gemini(error: ApiError, _request_id: str) -> bytes:
    """The error as Google's clients read it (https://google.aip.dev/193)."""
    told = {"code": error.status, "message": error.message, "status": "NOT_FOUND"}
    return msgspec.json.encode({"error": told})


def _render_ollama(error: ApiError, _request_id: str) -> bytes:
    """The error as Ollama's clients read it (https://docs.ollama.com/api/errors)."""
    return msgspec.json.encode({"error": error.message})
