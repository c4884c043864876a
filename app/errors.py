"""ApiError: the one way to say no. Raised anywhere, rendered once per dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

THREADS_UNSUPPORTED = "thread_unsupported_request"
_MAY_PASS = (408, 409, 429)  # a slow body, a conflicting change, too many requests


@dataclass(eq=False)
class ApiError(Exception):
    """An error as OpenAI's API describes it.

    ``status`` is the HTTP status; ``type``, ``code`` and ``param`` are OpenAI's fields of the same
    names (https://platform.openai.com/docs/guides/error-codes); ``headers`` go on the answer.
    ``allows_retry`` is false if Poe said that asking again is pointless.
    ``message`` is shown to the client: English, and nothing secret in it.
    """

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    allows_retry: bool = True

    def __str__(self) -> str:
        return f"{self.status} {self.code or self.type}"

    @property
    def is_final(self) -> bool:
        """Whether the same request would be refused again, however often it is sent."""
        return (400 <= self.status < 500 or not self.allows_retry) and self.status not in _MAY_PASS


def invalid_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400: what the client sent cannot be understood or served as it is."""
    return ApiError(400, message, param=param, code=code)


def threads_unsupported() -> ApiError:
    """400: a conversation of which the client sends only what is new. Its code is Anthropic's."""
    message = "The gateway stores no messages: send the whole conversation, without thread."
    return invalid_request(message, "thread", THREADS_UNSUPPORTED)


def invalid_api_key(message: str) -> ApiError:
    """401: no usable key, or one that Poe refuses."""
    return ApiError(401, message, code="invalid_api_key")


def invalid_credentials() -> ApiError:
    """401: user and password of the panel are missing or wrong (RFC 7617)."""
    headers = {"WWW-Authenticate": 'Basic realm="poe2openai", charset="UTF-8"'}
    message = "The panel requires ADMIN_USERNAME and ADMIN_PASSWORD (HTTP basic authentication)."
    return ApiError(401, message, code="invalid_credentials", headers=headers)


def invalid_token() -> ApiError:
    """401: METRICS_TOKEN is missing or wrong (RFC 6750)."""
    headers = {"WWW-Authenticate": 'Bearer realm="poe2openai"'}
    message = "/metrics requires METRICS_TOKEN ('Authorization: Bearer TOKEN')."
    return ApiError(401, message, code="invalid_token", headers=headers)


def insufficient_quota(message: str) -> ApiError:
    """402: out of points. Not a 429, which clients retry."""
    return ApiError(402, message, "insufficient_quota", "insufficient_quota")


def permission_denied(message: str) -> ApiError:
    """403: Poe refuses this subscriber or this content."""
    return ApiError(403, message, "permission_error", "permission_denied")


def cross_origin() -> ApiError:
    """403: a page of another site asks for something that only the panel's own page may."""
    message = "Requests from other sites' pages are refused."
    return ApiError(403, message, "permission_error", "cross_origin")


def not_found(message: str) -> ApiError:
    """404: there is nothing under this name."""
    return ApiError(404, message, code="not_found")


def model_not_found(message: str) -> ApiError:
    """404: there is no such bot."""
    return ApiError(404, message, code="model_not_found", param="model")


def context_length_exceeded(message: str) -> ApiError:
    """400: the conversation is too long for the bot."""
    return ApiError(400, message, code="context_length_exceeded", param="messages")


def body_too_slow() -> ApiError:
    """408: the client has stopped sending the body, or sends it too slowly."""
    message = "The request body did not arrive in time (BODY_TIMEOUT_SECONDS)."
    return ApiError(408, message, "timeout_error", "request_timeout")


def config_changed() -> ApiError:
    """409: models.yaml has changed since the version that a change was based on."""
    message = "models.yaml has changed since it was read: read it again, then change it."
    return ApiError(409, message, code="config_changed")


def payload_too_large(limit: int) -> ApiError:
    """413: the body is over ``limit`` bytes."""
    message = f"The request body is larger than {limit} bytes."
    return ApiError(413, message, code="payload_too_large")


def file_too_large(message: str) -> ApiError:
    """413: Poe refuses an attachment of this size."""
    return ApiError(413, message, code="file_too_large")


def file_upload_failed(message: str) -> ApiError:
    """502: Poe did not take an attachment, so the bot was not asked."""
    return ApiError(502, message, "upstream_error", "file_upload_failed")


def rate_limited(message: str, retry_after: str | None = None) -> ApiError:
    """429, with Poe's ``Retry-After`` handed on."""
    return ApiError(
        429,
        message,
        "rate_limit_error",
        "rate_limit_exceeded",
        headers=_retry_after(retry_after),
    )


def too_many_tries(seconds: str) -> ApiError:
    """429: too many wrong passwords from one address; the next one is checked after ``seconds``."""
    message = "Too many wrong passwords from this address. Try again later."
    return ApiError(429, message, "rate_limit_error", "too_many_tries", headers=_retry_after(seconds))


def bad_upstream(message: str) -> ApiError:
    """502: Poe failed, could not be reached, or did not send a valid answer."""
    return ApiError(502, message, "upstream_error", "upstream_error")


def own_key_refused() -> ApiError:
    """502: Poe refuses the gateway's own key, which the client cannot help."""
    message = "Poe refuses the gateway's own key (POE_API_KEY); tell its operator."
    return ApiError(502, message, "upstream_error", "poe_key_refused")


def tool_call_missing(message: str) -> ApiError:
    """502: a call was required, and the bot did not make one, twice."""
    return ApiError(502, message, "upstream_error", "tool_call_missing", param="tool_choice")


def structured_output_failed(message: str) -> ApiError:
    """502: JSON was required, and the bot did not write any that fits, twice."""
    return ApiError(502, message, "upstream_error", "structured_output_failed", param="response_format")


def overloaded(message: str, retry_after: str | None = None) -> ApiError:
    """503: Poe, or the bot, is busy."""
    return ApiError(
        503,
        message,
        "overloaded_error",
        "overloaded",
        headers=_retry_after(retry_after),
    )


def gateway_overloaded() -> ApiError:
    """503: too many requests are under way and waiting (``MAX_CONCURRENT``, ``MAX_QUEUE``)."""
    message = "The gateway is handling too many requests; try again soon."
    return ApiError(503, message, "overloaded_error", "gateway_overloaded", headers=_retry_after("1"))


def out_of_descriptors() -> ApiError:
    """503: this process cannot open another file (``ulimit -n``), and a connection is one."""
    message = "The gateway has too many connections open; try again soon."
    return ApiError(503, message, "overloaded_error", "gateway_overloaded", headers=_retry_after("1"))


def stopping() -> ApiError:
    """503: this process is shutting down; another one may answer."""
    return ApiError(503, "The gateway is shutting down; try again.", "overloaded_error", "shutting_down")


def timed_out(message: str, code: str = "upstream_timeout") -> ApiError:
    """504: Poe took too long, as it says itself, or as ``code`` and message say."""
    return ApiError(504, message, "timeout_error", code)


def connect_timeout(seconds: float) -> ApiError:
    """504: Poe could not be reached."""
    return timed_out(f"Poe could not be reached within {seconds:g} s (connect time-out).", "connect_timeout")


def first_byte_timeout(seconds: float) -> ApiError:
    """504: the query was sent and nothing came back."""
    message = f"Poe did not begin to answer within {seconds:g} s (first-byte time-out)."
    return timed_out(message, "first_byte_timeout")


def idle_timeout(seconds: float) -> ApiError:
    """504: the answer began, and then nothing more came."""
    message = f"Poe was silent for {seconds:g} s in the middle of the answer (idle time-out)."
    return timed_out(message, "idle_timeout")


def models_timeout(seconds: float) -> ApiError:
    """504: Poe's list of models did not arrive in time."""
    message = f"Poe did not send its list of models within {seconds:g} s (list time-out)."
    return timed_out(message, "models_timeout")


def answer_timeout(seconds: float) -> ApiError:
    """504: the answer took too long in total, counted from the request."""
    return timed_out(f"The answer was not complete within {seconds:g} s (answer time-out).", "answer_timeout")


def upload_timeout(seconds: float) -> ApiError:
    """504: an attachment was not uploaded in time."""
    message = f"Poe did not accept the upload within {seconds:g} s (upload time-out)."
    return timed_out(message, "upload_timeout")


def config_not_written(message: str) -> ApiError:
    """500: models.yaml or its history cannot be written."""
    return ApiError(500, message, "server_error", "config_not_written")


def internal_error() -> ApiError:
    """500: a fault of this program. Only the log says which."""
    message = "The gateway failed to answer this request; its log says why."
    return ApiError(500, message, "server_error", "internal_error")


def _retry_after(seconds: str | None) -> Mapping[str, str]:
    return {"Retry-After": seconds} if seconds else {}
