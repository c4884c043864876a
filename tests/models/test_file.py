"""models.yaml on disk: which content is in force, and what of it cannot be used."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models import file as module
from app.models.config import ModelsConfig
from app.models.file import ABSENT
from tests.gateway import eventually
from tests.models.folder import TEXT, Folder, bots


def test_without_a_file_nothing_is_said(folder: Folder) -> None:
    state = folder.store().current()
    assert (state.config, state.version, state.exists, state.error) == (ModelsConfig(), ABSENT, False, None)


def test_a_file_is_in_force_as_soon_as_it_is_there_and_until_it_goes(folder: Folder) -> None:
    store = folder.store()
    store.current()
    folder.write(TEXT)
    state = store.current()
    assert bots(state) == {"A": "a"}
    assert (state.text, state.exists, state.error) == (TEXT, True, None)
    assert state.fields["unknown"] == [1]
    folder.write(TEXT.replace("a}", "b}"))
    assert bots(store.current()) == {"A": "b"}
    assert store.current().version != state.version
    folder.path.unlink()
    past = time.time() - 100
    os.utime(folder.root, (past, past))
    assert store.current().version == ABSENT


def test_the_disk_is_not_looked_at_each_time(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 1000.0)
    folder.write(TEXT)
    store = folder.store()
    state = store.current()
    folder.path.unlink()
    assert store.current() is state


def test_a_change_that_the_time_stamp_does_not_show_is_seen(folder: Folder) -> None:
    store = folder.store()
    folder.path.write_text("models: {A: {mapping: x}}")
    status = folder.path.stat()
    store.current()
    folder.path.write_text("models: {A: {mapping: y}}")
    os.utime(folder.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert bots(eventually(lambda: bots(store.current()) == {"A": "y"} and store.current())) == {"A": "y"}


def test_what_is_still_being_written_is_not_read_yet_but_soon(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    store.current()
    folder.path.write_text("")
    assert bots(store.current()) == {"A": "a"}
    begun = time.monotonic()
    with folder.path.open("a") as editor:
        while bots(store.current()) != {"B": "b"}:
            assert time.monotonic() - begun < 10
            editor.seek(0)
            editor.truncate()
            editor.write("models: {B: {mapping: b}}")
            editor.flush()
            time.sleep(0.02)


BROKEN = {
    "not YAML": b"models: [\n",
    "a wrong type": b"models:\n  A:\n    mapping: 5\n",
    "a list": b"- models\n",
    "not UTF-8": b"models: \xff\xfe\n",
    "binary": bytes(range(256)) * 10,
    "UTF-16": "models: {}".encode("utf-16"),
    "a bomb": b"a: &a [x, x]\n"
    + b"".join(b"b%d: &a [%b]\n" % (n, b", ".join([b"*a"] * 10)) for n in range(20)),
    "deep": b"[" * 50_000,
    "large": b"a: b\n" * 300_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_leaves_in_force_what_was_there(
    folder: Folder, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write(TEXT)
    store = folder.store()
    before = store.current()
    folder.write(content)
    for _ in range(3):
        state = store.current()
        assert (state.config, state.text) == (before.config, TEXT)
        assert state.error is not None
        assert state.version != before.version
    (line,) = caplog.messages
    assert str(state.error) in line
    assert "secret" not in line
    folder.write(TEXT)
    assert store.current().error is None
    assert store.current().version == before.version


def test_a_broken_file_at_the_start_shapes_nothing(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.write("enable: true\nmodels: 5\n")
    state = folder.store().current()
    assert state.config == ModelsConfig()
    assert state.error is not None
    assert (state.error.path, state.error.line) == ("models", 2)
    assert "line 2: models: " in caplog.text


def test_each_content_is_complained_of_once_by_all_processes_of_one_start(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [folder.store()]
    twin = folder.store()
    twin._file._news = stores[0]._file._news  # as after a fork
    for content in ("a: [", "a: ["), ("b: [", "b: ["):
        folder.write(content[0])
        for store in (*stores, twin):
            store.current()
    assert len(caplog.messages) == 2


def test_what_is_no_file_is_survived(folder: Folder) -> None:
    store = folder.store()
    folder.write(TEXT)
    before = store.current()
    folder.path.unlink()
    os.mkfifo(folder.path)
    folder.age()
    assert store.current().config == before.config
    assert "not a file" in str(store.current().error)
    folder.path.unlink()
    folder.path.mkdir()
    folder.age()
    assert store.current().config == before.config
    folder.path.rmdir()
    folder.path.symlink_to("models.yaml")
    assert eventually(lambda: "symbolic links" in str(store.current().error))
    assert store.current().config == before.config
    folder.path.unlink()
    folder.write("models: {}")
    assert eventually(lambda: store.current().error is None)
    assert bots(store.current()) == {}


def test_a_huge_file_is_not_read(folder: Folder) -> None:
    with folder.path.open("wb") as sparse:
        sparse.truncate(100 * 1024 * 1024 * 1024)
    state = folder.store().current()
    assert "larger than" in str(state.error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_content_of_the_file_stops_anything(folder: Folder, content: bytes) -> None:
    store = folder.store()
    folder.write(TEXT)
    store.current()
    folder.write(content)
    state = store.current()
    assert state.error is not None or state.text == content.decode("utf-8-sig")
    assert store.save({"models": {"A": {}}}, state.version).error is None
