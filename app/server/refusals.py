"""Refusals: the server's answers to requests that never reach the application."""

from __future__ import annotations

from dataclasses import dataclass

from app.base_urls import is_anthropics
from app.dialects import chat_answer, messages_answer
from app.errors import ApiError

_CHUNKS = "The request body's chunks are not valid HTTP."


@dataclass(frozen=True)
class Refusal:
    """The status and the message with which a request is refused."""

    status: int
    reason: str
    message: str
    type: str = "invalid_request_error"
    code: str | None = None

    def render(self, request_id: str, path: str) -> bytes:
        """The complete response in the form of the API at ``path``; then the connection is closed."""
        is_plain = not is_anthropics(path)
        render = chat_answer.render_error if is_plain else messages_answer.render_error
        id_field = "" if is_plain else f"request-id: {request_id}\r\n"
        body = render(ApiError(self.status, self.message, self.type, self.code), request_id)
        head = (
            f"HTTP/1.1 {self.status} {self.reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"x-request-id: {request_id}\r\n{id_field}Access-Control-Allow-Origin: *\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


FAILED = Refusal(
    500,
    "Internal Server Error",
    "The gateway failed to answer this request; its log says why.",
    "server_error",
    "internal_error",
)

# By the name of gunicorn's exception.
_REFUSALS = {
    "HeadTooSlow": Refusal(
        408,
        "Request Timeout",
        "The request's head did not arrive in time.",
        "timeout_error",
        "request_timeout",
    ),
    "LimitRequestLine": Refusal(414, "URI Too Long", "The request line is too long."),
    "LimitRequestHeaders": Refusal(
        431, "Request Header Fields Too Large", "The request's header fields are too large."
    ),
    "UnsupportedTransferCoding": Refusal(
        501,
        "Not Implemented",
        "The request's transfer coding is not supported: send chunked.",
        "server_error",
    ),
    "ExpectationFailed": Refusal(417, "Expectation Failed", "Only 100-continue can be expected."),
    "ForbiddenProxyRequest": Refusal(403, "Forbidden", "The request is forbidden."),
    "InvalidRequestLine": Refusal(400, "Bad Request", "The request line is not valid HTTP."),
    "InvalidRequestMethod": Refusal(400, "Bad Request", "The request method is not valid HTTP."),
    "InvalidHTTPVersion": Refusal(400, "Bad Request", "The HTTP version is not supported."),
    "InvalidHeader": Refusal(400, "Bad Request", "A header field is not valid HTTP."),
    "InvalidHeaderName": Refusal(400, "Bad Request", "A header field's name is not valid HTTP."),
    "ObsoleteFolding": Refusal(400, "Bad Request", "A header field is folded over several lines."),
    "InvalidChunkSize": Refusal(400, "Bad Request", _CHUNKS),
    "InvalidChunkExtension": Refusal(400, "Bad Request", _CHUNKS),
    "ChunkMissingTerminator": Refusal(400, "Bad Request", _CHUNKS),
    "InvalidSchemeHeaders": Refusal(400, "Bad Request", "The forwarded scheme is contradictory."),
}


def of(error: BaseException) -> Refusal:
    """The refusal for a request that could not be read, or failed, with ``error``."""
    return _REFUSALS.get(type(error).__name__, FAILED)
