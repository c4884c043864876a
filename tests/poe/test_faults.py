from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.poe import faults
from app.poe.events import Error

QUOTA = (402, "insufficient_quota")
KEY = (401, "invalid_api_key")
DENIED = (403, "permission_denied")
UNKNOWN = (404, "model_not_found")
TOO_LONG = (400, "context_length_exceeded")
LIMITED = (429, "rate_limit_exceeded")
BUSY = (503, "overloaded")
LATE = (504, "upstream_timeout")
INVALID = (400, None)
BAD = (502, "upstream_error")

WORDS = {
    "This bot needs more points to answer your request.": QUOTA,
    "You do not have enough points to message this bot.": QUOTA,
    "Insufficient credits": QUOTA,
    "insufficient_fund": QUOTA,
    "rate limit": LIMITED,
    "Rate limit exceeded, slow down.": LIMITED,
    "Too many requests": LIMITED,
    "Invalid token": KEY,
    "Invalid API key": KEY,
    "Incorrect API key provided": KEY,
    "Unauthorized": KEY,
    "Bot does not exist": UNKNOWN,
    "The bot 'x' was not found": UNKNOWN,
    "No such model": UNKNOWN,
    "Your message is too long.": TOO_LONG,
    "maximum context length is 8192 tokens": TOO_LONG,
    "The model is overloaded": BUSY,
    "The request timed out": LATE,
}


def facts(error: faults.ApiError) -> tuple[int, str | None]:
    return error.status, error.code


@pytest.mark.parametrize("text", WORDS)
def test_an_error_event_is_known_by_its_words(text: str):
    error = faults.from_event(Error(text))
    assert facts(error) == WORDS[text]
    assert error.message == text


@pytest.mark.parametrize("text", WORDS)
def test_a_response_is_known_by_its_words_where_its_status_says_nothing(text: str):
    for status in (400, 500, 502):
        assert facts(faults.from_response(status, {}, text.encode())) == WORDS[text]


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [
        ("user_message_too_long", TOO_LONG),
        ("insufficient_fund", QUOTA),
        ("user_caused_error", INVALID),
        ("privacy_authorization_error", DENIED),
        (None, BAD),
        ("new", BAD),
    ],
)
def test_an_error_event_is_known_by_its_type(error_type: str | None, expected: tuple[int, str | None]):
    assert facts(faults.from_event(Error("Something", error_type))) == expected


def test_lacking_points_are_not_retried():
    for error in (
        faults.from_event(Error(error_type="insufficient_fund")),
        faults.from_response(402, {}, b""),
    ):
        assert error.is_final


@pytest.mark.parametrize("text", [None, "", "Internal server error"])
def test_an_error_that_says_nothing_is_a_bad_gateway(text: str | None):
    error = faults.from_event(Error(text))
    assert facts(error) == BAD
    assert error.message


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *(
            (400, INVALID),
            (401, KEY),
            (402, QUOTA),
            (403, DENIED),
            (404, UNKNOWN),
            (408, LATE),
            (413, TOO_LONG),
        ),
        *((422, INVALID), (429, LIMITED), (500, BAD), (502, BAD), (503, BUSY), (504, LATE), (529, BUSY)),
        *((201, BAD), (301, BAD), (302, BAD), (418, BAD)),
    ],
)
def test_a_response_is_known_by_its_status(status: int, expected: tuple[int, str | None]):
    error = faults.from_response(status, {}, b"")
    assert facts(error) == expected
    assert str(status) in error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "Too bad", "type": "x"}}', "Too bad"),
        (b'{"error": "Too bad"}', "Too bad"),
        (b'{"detail": "Too bad"}', "Too bad"),
        (b'{"text": "Too bad", "allow_retry": false}', "Too bad"),
        (b'"Too bad"', "Too bad"),
        (b"Too\n  bad \xff", "Too bad \ufffd"),
        (
            b" <html>Cloud</html>",
            "Poe answered with status 500 and a web page, as a firewall or a proxy does.",
        ),
        (b'{"detail": [{"msg": "x"}]}', "Poe answered with status 500."),
        (b"[" * 50_000, "[" * 20_000),
        (b"", "Poe answered with status 500."),
        (b"x" * 50_000, "x" * 20_000),
    ],
)
def test_poes_own_words_are_shown(body: bytes, message: str):
    assert faults.from_response(500, {}, body).message == message


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_on(status: int):
    for value in ("7", "0.5", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert faults.from_response(status, {"retry-after": value}, b"").headers["Retry-After"] == value


@pytest.mark.parametrize(
    "value", ["", " ", "7\r\nx: y", "é", "9" * 100, "soon", "-5", "1e9", "Wed", "NaN", "٣"]
)
def test_a_retry_after_that_nobody_can_read_is_left_out(value: str):
    assert "Retry-After" not in faults.from_response(429, {"retry-after": value}, b"").headers


def test_rate_limits_are_handed_on():
    given = {"X-RateLimit-Limit-Requests": "500", "x-ratelimit-reset": "a\nb", "set-cookie": "x"}
    assert faults.rate_limits(given) == {"x-ratelimit-limit-requests": "500"}
    assert faults.from_response(500, given, b"").headers == {"x-ratelimit-limit-requests": "500"}


@pytest.mark.parametrize(
    ("body", "forbidden"),
    [
        (b'{"allow_retry": false}', True),
        (b'{"allow_retry": true}', False),
        (b'{"allow_retry": 0}', False),
        (b"{}", False),
        (b"[]", False),
        (b"", False),
        (b"\xff", False),
        (b"[" * 50_000, False),
    ],
)
def test_a_body_may_forbid_a_retry(body: bytes, forbidden: bool):
    assert faults.from_response(502, {}, body).allows_retry is not forbidden


@pytest.mark.parametrize("allowed", [True, False])
def test_an_event_may_forbid_a_retry(allowed: bool):
    assert faults.from_event(Error("Oops.", allow_retry=allowed)).allows_retry is allowed


@given(st.integers(100, 599), st.binary())
def test_any_response_is_an_error_of_a_client_or_a_server(status: int, body: bytes):
    error = faults.from_response(status, {}, body)
    assert 400 <= error.status < 600
    assert error.message


@given(st.none() | st.text(), st.none() | st.text(), st.booleans())
def test_any_event_is_an_error_of_a_client_or_a_server(text: str | None, kind: str | None, retry: bool):
    assert 400 <= faults.from_event(Error(text, kind, retry)).status < 600
