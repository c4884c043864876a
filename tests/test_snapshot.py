"""The last good content of a file, shared by processes that are forked one after another."""

from __future__ import annotations

import os

from app.snapshot import Snapshot


def test_the_last_content_is_found_by_processes_forked_before_and_after() -> None:
    snapshot = Snapshot()
    assert snapshot.load() is None
    for content in (b"long content", b"short", b""):
        child = os.fork()
        if child == 0:
            snapshot.save(content)
            os._exit(0)
        os.waitpid(child, 0)
        assert snapshot.load() == content


def test_half_a_content_is_none() -> None:
    snapshot = Snapshot()
    snapshot.save(b"content")
    os.ftruncate(snapshot._file.fileno(), 35)
    assert snapshot.load() is None


def test_of_many_saves_at_once_one_is_kept_whole() -> None:
    snapshot = Snapshot()
    contents = [bytes([number]) * 100_000 for number in range(4)]
    children = []
    for content in contents:
        children.append(os.fork())
        if children[-1] == 0:
            for _ in range(200):
                snapshot.save(content)
            os._exit(0)
    found = [snapshot.load() for _ in range(500)]
    for child in children:
        os.waitpid(child, 0)
    assert set(found) <= {None, *contents}
    assert all(each is not None for each in found[found.index(next(filter(None, found))) :])
    assert snapshot.load() in contents
