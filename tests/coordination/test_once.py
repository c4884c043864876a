"""The contract of doing work once, for every implementation."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.coordination import once as module
from app.coordination.once import FileOnce, Once
from tests.coordination.places import Place
from tests.gateway import eventually
from tests.upstream.scripted import LIMIT

Make = Callable[[], Once]
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploading"


@pytest.fixture
def make(place: Place) -> Make:
    """Makes instances that agree with each other."""
    return place.once


class Asker(threading.Thread):
    """Asks for ``key`` in a thread of its own, and keeps the ``outcome`` or ``error``."""

    def __init__(self, once: Once, key: str, work: Callable[[], bytes]) -> None:
        super().__init__(daemon=True)
        self.outcome: bytes | None = None
        self.error: Exception | None = None
        self._ask = lambda: once.share(key, work)
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._ask()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def result(self) -> bytes | None:
        self.join(LIMIT)
        assert not self.is_alive()
        return self.outcome


class Work:
    """Work that goes on until it may ``end``; ``begun`` counts how often it was started."""

    def __init__(self, outcome: bytes = b"outcome", error: Exception | None = None) -> None:
        self.may_end = threading.Event()
        self.begun = 0
        self._outcome = outcome
        self._error = error

    def __call__(self) -> bytes:
        self.begun += 1
        assert self.may_end.wait(LIMIT)
        if self._error is not None:
            raise self._error
        return self._outcome

    def wait_until_begun(self) -> None:
        eventually(lambda: self.begun)


def never() -> bytes:
    raise AssertionError("somebody is at work already")


def test_one_does_the_work_and_all_get_what_it_brought(make: Make) -> None:
    once, work = make(), Work()
    leader = Asker(once, "key", work)
    work.wait_until_begun()
    others = [Asker(each, "key", never) for each in (once, make(), once, make())]
    time.sleep(0.2)
    work.may_end.set()
    assert [each.result() for each in (leader, *others)] == [b"outcome"] * 5
    assert work.begun == 1


def test_of_many_that_begin_at_the_same_time_one_works(make: Make) -> None:
    works = [Work(str(number).encode()) for number in range(12)]
    askers = [Asker(make(), "key", work) for work in works]
    eventually(lambda: any(work.begun for work in works))
    time.sleep(0.3)
    for work in works:
        work.may_end.set()
    assert len({asker.result() for asker in askers}) == 1
    assert sum(work.begun for work in works) == 1


def test_keys_do_not_wait_for_one_another(make: Make) -> None:
    once, work = make(), Work()
    leader = Asker(once, "key", work)
    work.wait_until_begun()
    assert once.share("another", lambda: b"other") == b"other"
    work.may_end.set()
    assert leader.result() == b"outcome"


def test_who_comes_later_begins_anew(make: Make) -> None:
    once = make()
    assert once.share("key", lambda: b"first") == b"first"
    assert once.share("key", lambda: b"second") == b"second"


def test_after_a_failure_one_that_waits_takes_over(make: Make) -> None:
    failing, work = Work(error=ValueError("failed")), Work()
    leader = Asker(make(), "key", failing)
    failing.wait_until_begun()
    others = [Asker(make(), "key", work) for _ in range(3)]
    time.sleep(0.2)
    failing.may_end.set()
    work.wait_until_begun()
    work.may_end.set()
    assert leader.result() is None
    assert isinstance(leader.error, ValueError)
    assert [each.result() for each in others] == [b"outcome"] * 3
    assert 1 <= work.begun <= 3  # who learns of the failure only after that begins anew, too


def test_an_outcome_of_a_megabyte_comes_whole(make: Make) -> None:
    large = os.urandom(1024 * 1024)
    work = Work(large)
    leader = Asker(make(), "key", work)
    work.wait_until_begun()
    other = Asker(make(), "key", never)
    time.sleep(0.2)
    work.may_end.set()
    assert leader.result() == other.result() == large


def work_until_told(place: Place, path: Path, end: Path | None) -> bytes:
    """Do the work and report it by a file; without ``end``, go on for ever."""

    def work() -> bytes:
        with path.open("ab") as file:
            file.write(b"x")
        while end is None or not end.exists():
            time.sleep(0.01)
        return str(os.getpid()).encode()

    once = place.once()
    path.with_name(f"coming {os.getpid()}").touch()
    return once.share("key", work)


def test_processes_agree(place: Place, tmp_path: Path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    with SPAWN.Pool(3) as pool:
        results = pool.starmap_async(work_until_told, [(place, begun, end)] * 3, chunksize=1)
        eventually(lambda: len(list(tmp_path.glob("coming *"))) == 3 and begun.exists())
        time.sleep(1)
        end.touch()
        outcomes = results.get(LIMIT)
    assert len(set(outcomes)) == 1
    assert begun.read_bytes() == b"x"
    assert place.is_clean()


def test_a_killed_process_blocks_nobody_for_long(place: Place, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    process = SPAWN.Process(target=work_until_told, args=(place, begun, None), daemon=True)
    process.start()
    eventually(begun.exists)
    waiting = Asker(place.once(), "key", lambda: b"taken over")
    time.sleep(0.2)
    assert waiting.is_alive()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    assert waiting.result() == b"taken over"
    assert time.monotonic() - killed_at < place.patience
    assert place.is_clean()


@pytest.mark.parametrize("left", [b"", b"half an outc"])
def test_what_a_killed_process_left_is_no_outcome(folder: Path, left: bytes) -> None:
    folder.mkdir()
    (folder / "key").write_bytes(left)
    assert FileOnce(folder).share("key", lambda: b"own") == b"own"
    assert list(folder.iterdir()) == []


def test_nothing_is_left_in_the_folder_after_a_failure(folder: Path) -> None:
    with pytest.raises(ValueError, match="failed"):
        FileOnce(folder).share("key", failed_work())
    assert list(folder.iterdir()) == []


def failed_work() -> Work:
    work = Work(error=ValueError("failed"))
    work.may_end.set()
    return work


def test_no_file_stays_open(folder: Path) -> None:
    gc.collect()  # files that earlier tests have left to it
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        FileOnce(folder).share("key", lambda: b"outcome")
        with pytest.raises(ValueError, match="failed"):
            FileOnce(folder).share("key", failed_work())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_only_the_service_may_read(folder: Path) -> None:
    def work() -> bytes:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "key"))
        return b"outcome"

    modes: list[int] = []
    FileOnce(folder).share("key", work)
    assert modes == [0o700, 0o600]


def test_without_a_folder_everybody_works_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("a file in its place")
    once = FileOnce(folder)
    assert [once.share("key", lambda: b"outcome") for _ in range(3)] == [b"outcome"] * 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize("plant", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_harms_nobody(folder: Path, plant: Callable[[Path], None]) -> None:
    folder.mkdir()
    plant(folder / "key")
    assert FileOnce(folder).share("key", lambda: b"outcome") == b"outcome"


def test_a_folder_that_turns_into_something_else_costs_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> bytes:
        (folder / "key").unlink()
        folder.rmdir()
        folder.write_text("a file in its place")
        return b"outcome"

    assert FileOnce(folder).share("key", work) == b"outcome"
    assert "cannot agree" in caplog.text


@pytest.mark.parametrize("written", [0, 3, None], ids=["nothing", "some of it", "an error"])
def test_on_a_full_disk_who_waits_does_the_work_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch, written: int | None
) -> None:
    pwrite = os.pwrite

    class FullDisk:
        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
            if written is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return pwrite(descriptor, data[:written], offset)

    monkeypatch.setattr(module, "os", FullDisk())
    work = Work(b"first")
    leader = Asker(FileOnce(folder), "key", work)
    work.wait_until_begun()
    other = Asker(FileOnce(folder), "key", lambda: b"second")
    time.sleep(0.2)
    work.may_end.set()
    assert leader.result() == b"first"
    assert other.result() == b"second"
