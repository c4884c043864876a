"""Saves by several threads and processes at once, and by one that is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

from app.errors import ApiError
from tests.models import savers
from tests.models.folder import TEXT, Folder

SPAWN = multiprocessing.get_context("spawn")


def test_of_two_saves_onto_one_version_one_is_refused(folder: Folder) -> None:
    folder.write(TEXT)
    stores = [folder.store() for _ in range(8)]
    version = stores[0].current().version
    outcomes: list[int] = []

    def save(number: int) -> None:
        try:
            stores[number].save({"models": {f"B{number}": {}}}, version)
            outcomes.append(200)
        except ApiError as error:
            outcomes.append(error.status)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == [200] + [409] * 7
    assert len(stores[0].versions()) == 2


def test_nothing_that_was_saved_is_lost(folder: Folder) -> None:
    folder.write("# Mine.\nmodels: {}\n")
    writers = [SPAWN.Process(target=savers.add_bots, args=(folder.root, name, 10)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    state = folder.store().current()
    assert set(state.config.models) == {f"{name}{number}" for name in "ab" for number in range(10)}
    assert state.text.startswith("# Mine.")
    assert len(folder.store().versions()) == 20


def test_a_kill_at_any_moment_leaves_a_whole_file(folder: Folder) -> None:
    folder.write(TEXT)
    for round_number in range(8):
        started = SPAWN.Event()
        writer = SPAWN.Process(target=savers.save_forever, args=(folder.root, started))
        writer.start()
        assert started.wait(30)
        time.sleep(0.003 * round_number)  # any moment
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        state = folder.store().current()
        assert state.error is None
        assert state.config.api_token == "a-secret-token"
        assert state.text.startswith("# Mine.")
        store = folder.store()
        assert len(store.versions()) <= 20
        assert all(store.version(each.id).error is None for each in store.versions())
        store.save({"models": {}})  # nothing is locked
    assert list(folder.root.rglob("*.tmp")) == []
