from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import files
from app.errors import ApiError
from app.models import file as module
from app.models.changes import Change
from app.models.config import BotConfig, ModelsConfig
from app.models.file import ABSENT, State
from app.models.store import Store
from tests.gateway import eventually
from tests.models import savers

SPAWN = multiprocessing.get_context("spawn")
TEXT = "# Mine.\nmodels:\n  A: {mapping: a}  # first\nunknown: [1]\napi_token: a-secret-token\n"


class File:
    """models.yaml in a folder, and stores that look at it whenever they are asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "models.yaml"
        self.history = folder / "models.history"

    def write(self, text: str | bytes) -> None:
        """Write as an editor does, some time ago: nobody waits for more."""
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.age()

    def age(self) -> None:
        past = time.time() - 100
        os.utime(self.path, (past, past))

    def store(self, listed: Callable[[], list[str]] = list) -> Store:
        return Store(self.folder, listed)


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.0)


def refused(act: Callable[[], Any]) -> ApiError:
    with pytest.raises(ApiError) as raised:
        act()
    return raised.value


def bots(state: State) -> dict[str, str | None]:
    return {name: bot.mapping for name, bot in state.config.models.items()}


# What is in force.


def test_without_a_file_nothing_is_said(file: File) -> None:
    state = file.store().current()
    assert (state.config, state.version, state.exists, state.error) == (ModelsConfig(), ABSENT, False, None)


def test_a_file_is_in_force_as_soon_as_it_is_there_and_until_it_goes(file: File) -> None:
    store = file.store()
    store.current()
    file.write(TEXT)
    state = store.current()
    assert bots(state) == {"A": "a"}
    assert (state.text, state.exists, state.error) == (TEXT, True, None)
    assert state.fields["unknown"] == [1]
    file.write(TEXT.replace("a}", "b}"))
    assert bots(store.current()) == {"A": "b"}
    assert store.current().version != state.version
    file.path.unlink()
    past = time.time() - 100
    os.utime(file.folder, (past, past))
    assert store.current().version == ABSENT


def test_the_disk_is_not_looked_at_each_time(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 1000.0)
    file.write(TEXT)
    store = file.store()
    state = store.current()
    file.path.unlink()
    assert store.current() is state


def test_a_change_that_the_time_stamp_does_not_show_is_seen(file: File) -> None:
    store = file.store()
    file.path.write_text("models: {A: {mapping: x}}")
    status = file.path.stat()
    store.current()
    file.path.write_text("models: {A: {mapping: y}}")
    os.utime(file.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert bots(eventually(lambda: bots(store.current()) == {"A": "y"} and store.current())) == {"A": "y"}


def test_what_is_still_being_written_is_not_read_yet_but_soon(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    store.current()
    file.path.write_text("")
    assert bots(store.current()) == {"A": "a"}
    begun = time.monotonic()
    with file.path.open("a") as editor:
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
    file: File, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write(TEXT)
    store = file.store()
    before = store.current()
    file.write(content)
    for _ in range(3):
        state = store.current()
        assert (state.config, state.text) == (before.config, TEXT)
        assert state.error is not None
        assert state.version != before.version
    (line,) = caplog.messages
    assert str(state.error) in line
    assert "secret" not in line
    file.write(TEXT)
    assert store.current().error is None
    assert store.current().version == before.version


def test_a_broken_file_at_the_start_shapes_nothing(file: File, caplog: pytest.LogCaptureFixture) -> None:
    file.write("enable: true\nmodels: 5\n")
    state = file.store().current()
    assert state.config == ModelsConfig()
    assert state.error is not None
    assert (state.error.path, state.error.line) == ("models", 2)
    assert "line 2: models: " in caplog.text


def test_each_content_is_complained_of_once_by_all_processes_of_one_start(
    file: File, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [file.store()]
    twin = file.store()
    twin._file._news = stores[0]._file._news  # as after a fork
    for content in ("a: [", "a: ["), ("b: [", "b: ["):
        file.write(content[0])
        for store in (*stores, twin):
            store.current()
    assert len(caplog.messages) == 2


def test_what_is_no_file_is_survived(file: File) -> None:
    store = file.store()
    file.write(TEXT)
    before = store.current()
    file.path.unlink()
    os.mkfifo(file.path)
    file.age()
    assert store.current().config == before.config
    assert "not a file" in str(store.current().error)
    file.path.unlink()
    file.path.mkdir()
    file.age()
    assert store.current().config == before.config
    file.path.rmdir()
    file.path.symlink_to("models.yaml")
    assert eventually(lambda: "symbolic links" in str(store.current().error))
    assert store.current().config == before.config
    file.path.unlink()
    file.write("models: {}")
    assert eventually(lambda: store.current().error is None)
    assert bots(store.current()) == {}


def test_a_huge_file_is_not_read(file: File) -> None:
    with file.path.open("wb") as sparse:
        sparse.truncate(100 * 1024 * 1024 * 1024)
    state = file.store().current()
    assert "larger than" in str(state.error)


# Saving.


def test_a_save_keeps_comments_and_what_it_does_not_know(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    state = store.save({"models": {"A": {"mapping": "b", "tools": "xml"}}}, store.current().version)
    assert state == store.current()
    text = file.path.read_text()
    assert text == TEXT.replace("{mapping: a}", "{mapping: b, tools: xml}").replace("  # first", " # first")
    assert state.config.models["A"] == BotConfig(mapping="b", tools="xml")
    assert state.config.api_token == "a-secret-token"
    assert file.store().current().version == state.version
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_first_save_makes_the_file(file: File) -> None:
    state = file.store().save({"enable": True, "custom_models": [{"id": "Mine"}]}, ABSENT)
    assert file.path.read_text() == "enable: true\ncustom_models:\n- id: Mine\n"
    assert [each.id for each in state.config.custom_models] == ["Mine"]


@pytest.mark.parametrize(
    ("token", "kept"),
    [
        ({}, "a-secret-token"),
        ({"api_token": None}, None),
        ({"api_token": ""}, None),
        ({"api_token": "x"}, "x"),
    ],
)
def test_the_token_stays_unless_it_is_replaced_or_removed(file: File, token: Any, kept: str | None) -> None:
    file.write(TEXT)
    assert file.store().save({"models": {}} | token).config.api_token == kept
    assert ("api_token" in file.path.read_text()) == bool(kept)


@pytest.mark.parametrize("token", [False, 0, [], {}])
def test_what_is_no_token_does_not_remove_it(file: File, token: object) -> None:
    file.write(TEXT)
    with pytest.raises(ApiError) as refused:
        file.store().save({"models": {}, "api_token": token})
    assert (refused.value.status, refused.value.param) == (400, "api_token")
    assert file.path.read_text() == TEXT


def test_unknown_keys_go_when_they_are_null(file: File) -> None:
    file.write("models: {A: {mine: 1, other: 2}}\nunknown: 1\ncustom_models: [{id: x, mine: 1}]\n")
    state = file.store().save(
        {"models": {"A": {"mine": None}}, "custom_models": [{"id": "x"}], "unknown": None}
    )
    assert state.fields == {"models": {"A": {"other": 2}}, "custom_models": [{"id": "x", "mine": 1}]}


def test_a_save_onto_another_version_is_refused(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    version = store.current().version
    file.write("models: {}\n")
    error = refused(lambda: store.save({}, version))
    assert (error.status, error.code) == (409, "config_changed")
    assert file.path.read_text() == "models: {}\n"
    assert not file.history.exists()


def test_a_save_without_a_version_goes_onto_what_is_there(file: File) -> None:
    store = file.store()
    store.current()
    file.write("unknown: 5  # by hand\n")
    assert store.save({"enable": False}).text == "unknown: 5  # by hand\nenable: false\n"


def test_a_save_that_changes_nothing_writes_nothing(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    before = file.path.stat()
    store.save(store.current().fields)
    assert file.path.stat().st_mtime_ns == before.st_mtime_ns
    assert not file.history.exists()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"models": {"A": {"mapping": 5}}}, "models.A.mapping"),
        ({"custom_models": [{"owned_by": "x"}]}, "custom_models[0].id"),
        ({"models": {"A": {"mapping": "x"}, "B": {"aliases": ["y", "X"]}}}, "models.B.aliases[1]"),
        ({"models": {"A": {"mapping": "listed"}}}, "models.A.mapping"),
        ({"models": {"A": {"note": "\ud800"}}}, None),
        ({"models": {"A": {"note": "x" * (1024 * 1024)}}}, None),
        ({"unknown": [[[[[[]]]]]] * 30_000}, None),
    ],
)
def test_nothing_is_written_when_anything_is_wrong(file: File, fields: Any, path: str | None) -> None:
    file.write(TEXT)
    error = refused(lambda: file.store(lambda: ["Listed"]).save(fields))
    assert (error.status, error.param) == (400, path)
    assert file.path.read_text() == TEXT
    assert not file.history.exists()


def test_too_deep_a_content_is_refused(file: File) -> None:
    fields: Any = {}
    for _ in range(120):
        fields = {"a": fields}
    assert refused(lambda: file.store().save(fields)).status == 400


def test_a_broken_file_can_be_saved_over_and_is_kept(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    store.current()
    file.write("models: [\n")
    state = store.save({"models": {}}, store.current().version)
    assert (state.error, state.text.splitlines()[0]) == (None, "# Mine.")
    assert [file.history.joinpath(f"{each.id}.yaml").read_text() for each in store.versions()] == [
        state.text,
        "models: [\n",
    ]


def test_a_symbolic_link_stays_one(file: File, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "real.yaml"
    target.write_text(TEXT)
    file.path.symlink_to(target)
    file.store().save({"models": {}})
    assert file.path.is_symlink()
    assert "models: {}" in target.read_text()


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
@pytest.mark.parametrize("text", [TEXT, "a: b\n" * 1 + "#" * 5000 + "\n"])
def test_a_file_that_is_mounted_is_written_in_place(
    file: File, number: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write(text)
    inode = file.path.stat().st_ino
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == file.path:
            raise OSError(number, os.strerror(number))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    state = file.store().save({"models": {"B": {}}, "a": None})
    assert file.path.read_text() == state.text
    assert file.path.stat().st_ino == inode
    assert list(file.folder.glob(".*.tmp")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(file: File) -> None:
    file.write(TEXT)
    os.chown(file.path, 12345, 12345)
    file.store().save({"models": {}})
    assert (file.path.stat().st_uid, file.path.stat().st_gid) == (12345, 12345)


def test_what_cannot_be_written_is_an_error_that_says_so(file: File) -> None:
    file.write(TEXT)
    file.history.write_text("no folder")
    error = refused(lambda: file.store().save({"models": {}}))
    assert (error.status, error.code) == (500, "config_not_written")
    assert file.path.read_text() == TEXT
    file.history.unlink()
    file.path.unlink()
    file.path.mkdir()
    assert refused(lambda: file.store().save({"models": {}})).code == "config_not_written"


# Several at once, and killed ones.


def test_of_two_saves_onto_one_version_one_is_refused(file: File) -> None:
    file.write(TEXT)
    stores = [file.store() for _ in range(8)]
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


def test_nothing_that_was_saved_is_lost(file: File) -> None:
    file.write("# Mine.\nmodels: {}\n")
    writers = [SPAWN.Process(target=savers.add_bots, args=(file.folder, name, 10)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    state = file.store().current()
    assert set(state.config.models) == {f"{name}{number}" for name in "ab" for number in range(10)}
    assert state.text.startswith("# Mine.")
    assert len(file.store().versions()) == 20


def test_a_kill_at_any_moment_leaves_a_whole_file(file: File) -> None:
    file.write(TEXT)
    for round_number in range(8):
        started = SPAWN.Event()
        writer = SPAWN.Process(target=savers.save_forever, args=(file.folder, started))
        writer.start()
        assert started.wait(30)
        time.sleep(0.003 * round_number)  # any moment
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        state = file.store().current()
        assert state.error is None
        assert state.config.api_token == "a-secret-token"
        assert state.text.startswith("# Mine.")
        store = file.store()
        assert len(store.versions()) <= 20
        assert all(store.version(each.id).error is None for each in store.versions())
        store.save({"models": {}})  # nothing is locked
    assert list(file.folder.rglob("*.tmp")) == []


# The history.


def test_the_last_twenty_versions_are_kept_newest_first(file: File) -> None:
    file.write("# by hand\n")
    store = file.store()
    for number in range(25):
        store.save({"models": {"A": {"note": str(number)}}})
    versions = store.versions()
    assert [store.version(each.id).fields["models"]["A"]["note"] for each in versions] == [
        str(number) for number in range(24, 4, -1)
    ]
    assert versions[0].tag == store.current().version
    assert [each.saved_at for each in versions] == sorted((each.saved_at for each in versions), reverse=True)
    assert stat.S_IMODE(file.history.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in file.history.iterdir()}
    assert (modes, len(list(file.history.iterdir()))) == ({0o600}, 20)


def test_what_was_written_by_hand_is_a_version(file: File) -> None:
    store = file.store()
    store.save({"models": {"A": {}}})
    file.write("models: {B: {}}  # by hand\n")
    store.save({"models": {"C": {}}})
    texts = [store.version(each.id).text for each in store.versions()]
    assert texts == ["models: {C: {}}  # by hand\n", "models: {B: {}}  # by hand\n", "models:\n  A: {}\n"]


def test_a_version_shows_what_has_changed_since_and_no_token(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    store.save({"models": {"A": {"mapping": "b"}, "B": {"enable": False}}, "api_token": "another"})
    past = store.version(store.versions()[-1].id)
    assert past.changes == [
        Change("models.A.mapping", "a", "b"),
        Change("api_token", "***", "*** (another)"),
        Change("models.B.enable", None, False),
    ]
    assert past.text == TEXT.replace("a-secret-token", '"***"')
    assert past.fields["models"] == {"A": {"mapping": "a"}}


def test_a_version_can_be_restored_but_not_its_token(file: File) -> None:
    file.write(TEXT)
    store = file.store()
    state = store.save({"models": {}, "unknown": None, "api_token": "another"})
    restored = store.restore(store.versions()[-1].id, state.version)
    assert restored.text == TEXT.replace("a-secret-token", "another")
    assert refused(lambda: store.restore(store.versions()[-1].id, state.version)).status == 409


@pytest.mark.parametrize("id", ["", "x", "../models", "1795670845422-" + "0" * 32, "%2e%2e/models", "\x00"])
def test_a_version_that_is_not_there_is_a_404(file: File, id: str) -> None:
    store = file.store()
    store.save({"enable": True})
    assert refused(lambda: store.version(id)).status == 404
    assert refused(lambda: store.restore(id)).status == 404


def test_a_broken_version_is_shown_and_not_restored(file: File) -> None:
    file.write("api_token: secret-secret\nmodels: [\n")
    store = file.store()
    store.save({"enable": True})
    broken = store.versions()[-1].id
    past = store.version(broken)
    assert past.error is not None
    assert "secret" not in past.text
    assert refused(lambda: store.restore(broken)).status == 400


def test_foreign_files_in_the_history_are_left_alone(file: File) -> None:
    file.history.mkdir()
    file.history.joinpath("notes.txt").write_text("x")
    file.history.joinpath("folder.yaml").mkdir()
    store = file.store()
    for number in range(25):
        store.save({"models": {"A": {"note": str(number)}}})
    assert file.history.joinpath("notes.txt").exists()
    assert len(store.versions()) == 20


# Import.


@pytest.mark.parametrize(
    "text", ["models:\n  A:\n    mapping: b\n", '{\n\t"models": {\n\t\t"A": {"mapping": "b"}\n\t}\n}']
)
def test_a_text_can_be_looked_at_before_it_is_saved(file: File, text: str) -> None:
    file.write(TEXT)
    store = file.store()
    preview = store.preview(text)
    assert preview.changes == [Change("models.A.mapping", "a", "b")]
    assert file.path.read_text() == TEXT
    assert store.save(preview.fields).config.models["A"].mapping == "b"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("models: [", None),
        ("models: {A: {tools: x}}", "models.A.tools"),
        ("models: {A: {mapping: x}, B: {mapping: X}}", "models.B.mapping"),
        ("[" * 100_000, None),
        ('{"a":' * 100_000, None),
        ("\ud800", None),
        ("5", None),
    ],
)
def test_a_text_that_cannot_be_saved_is_refused(file: File, text: str, path: str | None) -> None:
    error = refused(lambda: file.store().preview(text))
    assert (error.status, error.param) == (400, path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_content_of_the_file_stops_anything(file: File, content: bytes) -> None:
    store = file.store()
    file.write(TEXT)
    store.current()
    file.write(content)
    state = store.current()
    assert state.error is not None or state.text == content.decode("utf-8-sig")
    assert store.save({"models": {"A": {}}}, state.version).error is None


def test_a_file_is_replaced_whole_or_not_at_all(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(TEXT)

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", fail)
    error = refused(lambda: file.store().save({"models": {}}))
    assert "No space left" in error.message
    assert file.path.read_text() == TEXT
    assert list(file.folder.rglob("*.tmp")) == []


def test_what_computes_for_long_is_run_in_a_thread(file: File) -> None:
    ran: list[str] = []

    def run_in_thread(work: Callable[[], str]) -> str:
        ran.append(work())
        return ran[-1]

    state = Store(file.folder, list, run_in_thread).save({"enable": True})
    assert ran == [state.text]
