"""The cache of uploads: what it remembers, what it survives, and how much room it takes."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app import logs
from app.attachments import cache as module
from app.attachments.cache import Entry, FileUploadCache, size_on_disk
from app.attachments.counters import Counters

MEGABYTE = 1024 * 1024
ENTRY = Entry("https://pfst.cf2.poecdn.net/base/1", "image/png", "a.png")


class Clock:
    """The clocks of the cache and of its warnings, set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for each in (module, logs):
        monkeypatch.setattr(each, "time", clock)
    return clock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "url_cache"


def make(folder: Path, limit: int = MEGABYTE, ttl: int = 100, workers: int = 1) -> FileUploadCache:
    return FileUploadCache(folder, limit, ttl, workers, Counters())


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def bytes_in(folder: Path) -> int:
    sizes = 0
    for file in os.scandir(folder):
        sizes += size_on_disk(file.stat(follow_symlinks=False))
    return sizes


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_was_set_is_found_by_all_and_after_a_restart(folder: Path) -> None:
    one, other = make(folder), make(folder)
    assert one.get("key") is None
    one.set("key", ENTRY)
    assert one.get("key") == other.get("key") == make(folder).get("key") == ENTRY
    assert other.get("another key") is None


def test_an_entry_is_forgotten_when_its_time_is_over(folder: Path, clock: Clock) -> None:
    cache = make(folder, ttl=100)
    cache.set("key", ENTRY)
    clock.now += 99
    assert make(folder).get("key") == ENTRY
    cache.set("key", ENTRY)
    clock.now += 100.5
    assert cache.get("key") is None


def test_a_hit_renews_an_entry(folder: Path, clock: Clock) -> None:
    cache = make(folder, ttl=100)
    cache.set("key", ENTRY)
    for _ in range(5):
        clock.now += 90
        assert cache.get("key") == ENTRY


def test_a_shorter_time_holds_for_what_is_there_already(folder: Path, clock: Clock) -> None:
    make(folder, ttl=1000).set("key", ENTRY)
    clock.now += 200
    assert make(folder, ttl=100).get("key") is None
    assert make(folder, ttl=300).get("key") == ENTRY


def test_hits_shortly_after_one_another_write_once(folder: Path, clock: Clock) -> None:
    cache = make(folder, ttl=100)
    cache.set("key", ENTRY)
    inode = only_file(folder).stat().st_ino
    clock.now += 1
    cache.get("key")
    assert only_file(folder).stat().st_ino == inode


FUTURE = struct.pack("I", 4_000_000_000)


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        FUTURE,
        FUTURE + b"null",
        FUTURE + b"[]",
        FUTURE + b'{"entry":{},"used":4e9}',
        FUTURE + b'{"entry":{"url":"https://x","content_type":1,"name":"a"},"used":4e9}',
        FUTURE + b'{"entry":{"url":"javascript:x","content_type":"a/b","name":"a"},"used":4e9}',
        FUTURE + b'{"entry":{"url":"https://\xff","content_type":"a/b","name":"a"},"used":4e9}',
        FUTURE + b'{"entry":{"url":"https://x","content_type":"a/b","name":"a"},"used":1e999}',
        FUTURE + b"[" * 50_000,
        FUTURE + hashlib.shake_128(b"noise").digest(3000),
        FUTURE + b" " * 3_000_000,
        b"\0" * 3_000_000,
    ],
    ids=lambda content: f"{content[4:24]!r} of {len(content)}",
)
def test_a_foreign_file_is_a_miss_and_is_replaced(folder: Path, content: bytes) -> None:
    cache = make(folder)
    cache.set("key", ENTRY)
    only_file(folder).write_bytes(content)
    assert cache.get("key") is None
    cache.set("key", ENTRY)
    assert cache.get("key") == ENTRY


def test_every_truncated_file_is_a_miss(folder: Path) -> None:
    cache = make(folder)
    cache.set("key", ENTRY)
    content = only_file(folder).read_bytes()
    for length in range(len(content)):
        only_file(folder).write_bytes(content[:length])
        assert cache.get("key") is None


def test_a_pickle_is_not_executed(folder: Path, tmp_path: Path) -> None:
    cache = make(folder)
    cache.set("key", ENTRY)
    for begin in (b"", FUTURE, bytes(4)):
        only_file(folder).write_bytes(begin + pickle.dumps(Bomb(tmp_path / "exploded")))
        assert cache.get("key") is None
    assert not (tmp_path / "exploded").exists()


def plant_folder(path: Path) -> None:
    path.mkdir()


def plant_pipe(path: Path) -> None:
    os.mkfifo(path)


def plant_link(path: Path) -> None:
    secret = path.parent.parent / "secret"
    stored = {"entry": ENTRY, "used": 4e9}
    secret.write_bytes(FUTURE + msgspec.json.encode(stored))
    path.symlink_to(secret)


@pytest.mark.parametrize("plant", [plant_folder, plant_pipe, plant_link])
@pytest.mark.timeout(20)
def test_what_is_no_file_is_a_miss(folder: Path, plant: Callable[[Path], None]) -> None:
    cache = make(folder)
    cache.set("key", ENTRY)
    path = only_file(folder)
    path.unlink()
    plant(path)
    before = open_files()
    for _ in range(5):
        assert cache.get("key") is None
    assert open_files() == before
    cache.set("key", ENTRY)
    assert cache.get("key") == (None if plant is plant_folder else ENTRY)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.timeout(20)
def test_a_pipe_that_somebody_writes_to_is_a_miss(folder: Path) -> None:
    cache = make(folder)
    cache.set("key", ENTRY)
    path = only_file(folder)
    path.unlink()
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        assert cache.get("key") is None
    finally:
        os.close(writer)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_bound_holds_at_every_moment(folder: Path, workers: int) -> None:
    caches = [make(folder, workers=workers) for _ in range(workers)]
    most = 0
    for number in range(3000):
        caches[number * 7 // 5 % workers].set(f"key{number}", ENTRY)
        if number % 5 == 0:
            most = max(most, bytes_in(folder))
    assert 0.8 * MEGABYTE < most <= 1.1 * MEGABYTE


def test_the_bound_holds_when_workers_write_at_the_same_time(folder: Path) -> None:
    caches = [make(folder, workers=4) for _ in range(4)]
    sizes: list[int] = []

    def fill(worker: int) -> None:
        for number in range(700):
            caches[worker].set(f"{worker} {number}", ENTRY)

    threads = [threading.Thread(target=fill, args=[worker]) for worker in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        try:
            sizes.append(bytes_in(folder))
        except FileNotFoundError:  # deleted since it was listed
            continue
    for thread in threads:
        thread.join()
    assert max([*sizes, bytes_in(folder)]) <= 1.1 * MEGABYTE


def test_what_was_there_before_counts(folder: Path) -> None:
    large = make(folder, limit=4 * MEGABYTE)
    for number in range(800):
        large.set(f"key{number}", ENTRY)
    assert bytes_in(folder) > 2 * MEGABYTE
    make(folder).set("one more", ENTRY)
    assert bytes_in(folder) <= MEGABYTE


def test_what_was_not_used_for_longest_goes_first(folder: Path, clock: Clock) -> None:
    cache = make(folder, ttl=10**6)
    for number in range(200):
        cache.set(f"key{number}", ENTRY)
    for age, path in enumerate(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (age, age))
    clock.now += 10**5
    assert cache.get("key0") == ENTRY
    for number in range(200, 300):
        cache.set(f"key{number}", ENTRY)
    assert cache.get("key0") == ENTRY
    assert cache.get("key1") is None
    assert cache.get("key299") == ENTRY


def test_evictions_are_counted(folder: Path) -> None:
    counters = Counters()
    cache = FileUploadCache(folder, MEGABYTE, 100, 1, counters)
    for number in range(600):
        cache.set(f"key{number}", ENTRY)
    assert counters.evictions == 600 - len(list(folder.iterdir()))


def test_abandoned_files_are_removed_and_those_under_way_are_not(folder: Path) -> None:
    make(folder)
    for name in ("old.__wz_cache", "new.__wz_cache"):
        (folder / name).write_bytes(b"x")
    (folder / "folder.__wz_cache").mkdir()
    for name in ("old.__wz_cache", "folder.__wz_cache"):
        os.utime(folder / name, (1, 1))
    make(folder).set("key", ENTRY)
    assert not (folder / "old.__wz_cache").exists()
    assert (folder / "new.__wz_cache").exists()
    assert (folder / "folder.__wz_cache").exists()


def test_a_strange_folder_in_it_does_not_end_the_bound(folder: Path) -> None:
    make(folder)
    (folder / "folder.__wz_cache").mkdir()
    os.utime(folder / "folder.__wz_cache", (1, 1))
    cache = make(folder)
    for number in range(600):
        cache.set(f"key{number}", ENTRY)
    assert bytes_in(folder) <= 1.1 * MEGABYTE


def test_a_limit_of_nothing_turns_it_off(folder: Path) -> None:
    before = make(folder)
    before.set("key", ENTRY)
    inode = only_file(folder).stat().st_ino
    cache = make(folder, limit=0)
    cache.set("another", ENTRY)
    assert cache.get("key") is None
    assert cache.get("another") is None
    assert only_file(folder).stat().st_ino == inode


def test_only_the_service_may_read(folder: Path) -> None:
    umask = os.umask(0)
    try:
        make(folder).set("key", ENTRY)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(folder).stat().st_mode) == 0o600


def test_no_name_gives_a_key_away(folder: Path) -> None:
    make(folder).set("a-secret-key", ENTRY)
    assert "a-secret-key" not in only_file(folder).name
    assert b"a-secret-key" not in only_file(folder).read_bytes()


@pytest.mark.parametrize("trouble", ["a file in its place", "no folder above"])
def test_a_folder_that_cannot_be_used_costs_a_warning_a_minute(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    folder = tmp_path / "file"
    if trouble == "a file in its place":
        folder.write_text("not a folder")
        cache = make(folder)
    else:
        cache = make(tmp_path / "above" / "url_cache")
        (tmp_path / "above" / "url_cache").rmdir()
        (tmp_path / "above").rmdir()
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            cache.set("key", ENTRY)
            assert cache.get("key") is None
            clock.now += 5
        assert len(caplog.records) == 1
        clock.now += 60
        cache.set("key", ENTRY)
        assert len(caplog.records) == 2


def test_a_folder_that_vanishes_is_made_again(folder: Path) -> None:
    cache = make(folder)
    cache.set("key", ENTRY)
    only_file(folder).unlink()
    folder.rmdir()
    assert cache.get("key") is None
    cache.set("key", ENTRY)
    assert cache.get("key") == ENTRY
