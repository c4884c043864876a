"""The last piece of a stream and the end of its body leave in one write: a client waits for no more."""

from types import SimpleNamespace
from typing import Any

from app.bodies import LastPiece
from app.server.responses import ClientResponse


class Wire:
    """A socket that records what it is asked to send, write by write."""

    owes_continue = False

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.writes.append(data)


def response_on(wire: Wire, version: tuple[int, int] = (1, 1)) -> ClientResponse:
    body = SimpleNamespace(failed=False, reader=SimpleNamespace(length=0))
    request: Any = SimpleNamespace(version=version, method="POST", body=body, should_close=lambda: False)
    response = ClientResponse(request, wire, SimpleNamespace(sendfile=None))
    response.start_response("200 OK", [("Content-Type", "text/event-stream")])
    return response


def test_the_last_piece_brings_the_end() -> None:
    response = response_on(wire := Wire())
    for piece in (b"first", LastPiece(b"last")):
        response.write(piece)
    response.close()
    assert [write.rpartition(b"\r\n\r\n5")[2] for write in wire.writes[:1]] == [b"\r\nfirst\r\n"]
    assert wire.writes[1:] == [b"4\r\nlast\r\n0\r\n\r\n"]


def test_a_body_without_a_marked_end_gets_it_by_itself() -> None:
    response = response_on(wire := Wire())
    response.write(b"first")
    response.close()
    assert wire.writes[1:] == [b"0\r\n\r\n"]


def test_an_empty_last_piece_is_an_end_once() -> None:
    response = response_on(wire := Wire())
    response.write(LastPiece())
    response.close()
    assert b"".join(wire.writes).count(b"0\r\n\r\n") == 1


def test_without_chunks_the_last_piece_is_one_like_others() -> None:
    response = response_on(wire := Wire(), version=(1, 0))
    response.write(LastPiece(b"last"))
    response.close()
    assert len(wire.writes) == 1
    assert wire.writes[0].endswith(b"\r\n\r\nlast")
