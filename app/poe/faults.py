"""Faults: what Poe says when it cannot answer, turned into an ApiError.

Poe says it in three ways: by the HTTP status, by an ``error`` event in a 200, or in nothing but
the words of either. The statuses are those of Poe's API documentation; the words were seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from app import errors
from app.errors import ApiError
from app.poe.events import Error

_SECONDS_OR_DATE = re.compile(
    r"[0-9]{1,9}(\.[0-9]{1,9})?|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"
)
_TEXT_LIMIT = 20_000  # characters of Poe's message that are searched

# In this order: the first that matches decides. An entry's patterns are alternatives.
_WORDS: tuple[tuple[re.Pattern[str], Callable[[str], ApiError]], ...] = tuple(
    (re.compile("|".join(patterns), re.IGNORECASE), make)
    for make, patterns in (
        (
            errors.insufficient_quota,
            (
                r"\b(?:more|enough|insufficient|out of|lacks?|no) (?:\w+ )?(?:points|credits?|funds?)\b",
                r"\binsufficient[_ ](?:fund|quota|balance|credit|point)",
            ),
        ),
        (errors.rate_limited, (r"\brate[ _-]?limit", r"\btoo many requests\b")),
        (
            errors.invalid_api_key,
            (
                r"\b(?:invalid|incorrect|wrong|missing|expired) (?:\w+ )?(?:token|(?:api[ _-]?)?key)\b",
                r"\bunauthori[sz]ed\b",
            ),
        ),
        (
            errors.model_not_found,
            (
                r"\b(?:bot|model)\b.{0,80}\b(?:does not exist|doesn't exist|not found|unknown)",
                r"\b(?:unknown|no such|nonexistent) (?:bot|model)\b",
                r"\b(?:cannot|could not|can't) find (?:the )?(?:bot|model)\b",
            ),
        ),
        (
            errors.context_length_exceeded,
            (
                r"\b(?:message|prompt|input|conversation|context|request)\b.{0,40}\btoo (?:long|large)\b",
                r"\bcontext[ _-]?(?:length|window)\b",
                r"\bmaximum context\b",
                r"\btoo many (?:input )?tokens\b",
            ),
        ),
        (
            errors.overloaded,
            (r"\boverloaded\b", r"\bat capacity\b", r"\b(?:server|bot|model) is (?:too )?busy\b"),
        ),
        (errors.timed_out, (r"\btimed? ?out\b",)),
    )
)

_BY_ERROR_TYPE: Mapping[str, Callable[[str], ApiError]] = {
    "user_message_too_long": errors.context_length_exceeded,
    "insufficient_fund": errors.insufficient_quota,
    "privacy_authorization_error": errors.permission_denied,
}

_BY_STATUS: Mapping[int, Callable[[str], ApiError]] = {
    401: errors.invalid_api_key,
    402: errors.insufficient_quota,
    403: errors.permission_denied,
    404: errors.model_not_found,
    408: errors.timed_out,
    413: errors.context_length_exceeded,
    504: errors.timed_out,
}


def from_event(event: Error) -> ApiError:
    """The error that an ``error`` event stands for."""
    error = _from_event(event)
    return error if event.allow_retry else replace(error, allows_retry=False)


def _from_event(event: Error) -> ApiError:
    text = _shown(event.text) or "The bot failed without saying why."
    by_type = _BY_ERROR_TYPE.get(event.error_type or "")
    if by_type is not None:
        return by_type(text)
    by_words = _from_words(text)
    if by_words is not None:
        return by_words
    if event.error_type == "user_caused_error":
        return errors.invalid_request(text)
    return errors.bad_upstream(text)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error that a response other than 200 stands for, with Poe's headers about limits."""
    error = _from_status(status, headers, body)
    limits, allows_retry = rate_limits(headers), not _forbids_retry(body)
    if allows_retry and not limits:
        return error
    return replace(error, headers={**error.headers, **limits}, allows_retry=allows_retry)


def rate_limits(headers: Mapping[str, str]) -> dict[str, str]:
    """Poe's ``x-ratelimit-*`` headers, if they are valid as headers."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower().startswith("x-ratelimit-") and value.isascii() and value.isprintable()
    }


def _from_status(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    text = words(body)
    retry_after = _retry_after(headers)
    page = " and a web page, as a firewall or a proxy does" if _is_page(body) else ""
    answered = f"Poe answered with status {status}{page}"
    shown = text or f"{answered}."
    if status == 429:
        return errors.rate_limited(shown, retry_after)
    if status in (503, 529):
        return errors.overloaded(shown, retry_after)
    if status in _BY_STATUS:
        return _BY_STATUS[status](shown)
    by_words = _from_words(text)
    if by_words is not None:
        return by_words
    if status in (400, 422):
        return errors.invalid_request(shown)
    return errors.bad_upstream(shown if status >= 400 else f"{answered}, not with an answer.")


def _forbids_retry(body: bytes) -> bool:
    """Whether an error's body says ``"allow_retry": false``, as an ``error`` event would."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("allow_retry") is False


def _from_words(text: str) -> ApiError | None:
    return next((make(text) for pattern, make in _WORDS if pattern.search(text)), None)


def words(body: bytes) -> str:
    """The message for people in a body: from JSON's usual fields, else plain text; nothing of HTML."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "" if _is_page(body) else _shown(body.decode("utf-8", "replace"))
    for key in ("error", "message", "detail", "text"):
        if isinstance(content, dict) and content.get(key):
            content = content[key]
    return _shown(content) if isinstance(content, str) else ""


def _is_page(body: bytes) -> bool:
    return body.lstrip().startswith(b"<")


def _shown(text: str | None) -> str:
    return " ".join((text or "").split())[:_TEXT_LIMIT]


def _retry_after(headers: Mapping[str, str]) -> str | None:
    """Poe's ``Retry-After`` if clients can read it: seconds or a date (RFC 9110 section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    return value if _SECONDS_OR_DATE.fullmatch(value) else None
