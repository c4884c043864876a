"""What processes leave for those that come after them."""

from __future__ import annotations

import os

from app.bequest import Bequest


def test_what_was_left_last_is_found_by_processes_that_were_forked_before_and_after() -> None:
    bequest = Bequest()
    assert bequest.find() is None
    for content in (b"long content", b"short", b""):
        child = os.fork()
        if child == 0:
            bequest.leave(content)
            os._exit(0)
        os.waitpid(child, 0)
        assert bequest.find() == content


def test_half_of_what_was_left_is_nothing() -> None:
    bequest = Bequest()
    bequest.leave(b"content")
    os.ftruncate(bequest._file.fileno(), 35)
    assert bequest.find() is None


def test_many_who_leave_at_once_leave_one_thing_whole() -> None:
    bequest = Bequest()
    contents = [bytes([number]) * 100_000 for number in range(4)]
    children = []
    for content in contents:
        children.append(os.fork())
        if children[-1] == 0:
            for _ in range(200):
                bequest.leave(content)
            os._exit(0)
    found = [bequest.find() for _ in range(500)]
    for child in children:
        os.waitpid(child, 0)
    assert set(found) <= {None, *contents}
    assert all(each is not None for each in found[found.index(next(filter(None, found))) :])
    assert bequest.find() in contents
