"""What a save writes and refuses, and what a text would change."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import files
from app.errors import ApiError
from app.models.changes import Change
from app.models.config import BotConfig
from app.models.file import ABSENT
from app.models.store import Store
from tests.models.folder import TEXT, Folder, refused


def test_a_save_keeps_comments_and_what_it_does_not_know(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    state = store.save({"models": {"A": {"mapping": "b", "tools": "xml"}}}, store.current().version)
    assert state == store.current()
    text = folder.path.read_text()
    assert text == TEXT.replace("{mapping: a}", "{mapping: b, tools: xml}").replace("  # first", " # first")
    assert state.config.models["A"] == BotConfig(mapping="b", tools="xml")
    assert state.config.api_token == "a-secret-token"
    assert folder.store().current().version == state.version
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o600


def test_the_first_save_makes_the_file(folder: Folder) -> None:
    state = folder.store().save({"enable": True, "custom_models": [{"id": "Mine"}]}, ABSENT)
    assert folder.path.read_text() == "enable: true\ncustom_models:\n- id: Mine\n"
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
def test_the_token_stays_unless_it_is_replaced_or_removed(
    folder: Folder, token: Any, kept: str | None
) -> None:
    folder.write(TEXT)
    assert folder.store().save({"models": {}} | token).config.api_token == kept
    assert ("api_token" in folder.path.read_text()) == bool(kept)


@pytest.mark.parametrize("token", [False, 0, [], {}])
def test_what_is_no_token_does_not_remove_it(folder: Folder, token: object) -> None:
    folder.write(TEXT)
    with pytest.raises(ApiError) as refused:
        folder.store().save({"models": {}, "api_token": token})
    assert (refused.value.status, refused.value.param) == (400, "api_token")
    assert folder.path.read_text() == TEXT


def test_unknown_keys_go_when_they_are_null(folder: Folder) -> None:
    folder.write("models: {A: {mine: 1, other: 2}}\nunknown: 1\ncustom_models: [{id: x, mine: 1}]\n")
    state = folder.store().save(
        {"models": {"A": {"mine": None}}, "custom_models": [{"id": "x"}], "unknown": None}
    )
    assert state.fields == {"models": {"A": {"other": 2}}, "custom_models": [{"id": "x", "mine": 1}]}


def test_a_save_onto_another_version_is_refused(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    version = store.current().version
    folder.write("models: {}\n")
    error = refused(lambda: store.save({}, version))
    assert (error.status, error.code) == (409, "config_changed")
    assert folder.path.read_text() == "models: {}\n"
    assert not folder.history.exists()


def test_a_save_without_a_version_goes_onto_what_is_there(folder: Folder) -> None:
    store = folder.store()
    store.current()
    folder.write("unknown: 5  # by hand\n")
    assert store.save({"enable": False}).text == "unknown: 5  # by hand\nenable: false\n"


def test_a_save_that_changes_nothing_writes_nothing(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    before = folder.path.stat()
    store.save(store.current().fields)
    assert folder.path.stat().st_mtime_ns == before.st_mtime_ns
    assert not folder.history.exists()


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
def test_nothing_is_written_when_anything_is_wrong(folder: Folder, fields: Any, path: str | None) -> None:
    folder.write(TEXT)
    error = refused(lambda: folder.store(lambda: ["Listed"]).save(fields))
    assert (error.status, error.param) == (400, path)
    assert folder.path.read_text() == TEXT
    assert not folder.history.exists()


def test_too_deep_a_content_is_refused(folder: Folder) -> None:
    fields: Any = {}
    for _ in range(120):
        fields = {"a": fields}
    assert refused(lambda: folder.store().save(fields)).status == 400


def test_a_broken_file_can_be_saved_over_and_is_kept(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    store.current()
    folder.write("models: [\n")
    state = store.save({"models": {}}, store.current().version)
    assert (state.error, state.text.splitlines()[0]) == (None, "# Mine.")
    assert [folder.history.joinpath(f"{each.id}.yaml").read_text() for each in store.versions()] == [
        state.text,
        "models: [\n",
    ]


def test_a_symbolic_link_stays_one(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "real.yaml"
    target.write_text(TEXT)
    folder.path.symlink_to(target)
    folder.store().save({"models": {}})
    assert folder.path.is_symlink()
    assert "models: {}" in target.read_text()


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
@pytest.mark.parametrize("text", [TEXT, "a: b\n" * 1 + "#" * 5000 + "\n"])
def test_a_file_that_is_mounted_is_written_in_place(
    folder: Folder, number: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(text)
    inode = folder.path.stat().st_ino
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == folder.path:
            raise OSError(number, os.strerror(number))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    state = folder.store().save({"models": {"B": {}}, "a": None})
    assert folder.path.read_text() == state.text
    assert folder.path.stat().st_ino == inode
    assert list(folder.root.glob(".*.tmp")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(folder: Folder) -> None:
    folder.write(TEXT)
    os.chown(folder.path, 12345, 12345)
    folder.store().save({"models": {}})
    assert (folder.path.stat().st_uid, folder.path.stat().st_gid) == (12345, 12345)


def test_what_cannot_be_written_is_an_error_that_says_so(folder: Folder) -> None:
    folder.write(TEXT)
    folder.history.write_text("no folder")
    error = refused(lambda: folder.store().save({"models": {}}))
    assert (error.status, error.code) == (500, "config_not_written")
    assert folder.path.read_text() == TEXT
    folder.history.unlink()
    folder.path.unlink()
    folder.path.mkdir()
    assert refused(lambda: folder.store().save({"models": {}})).code == "config_not_written"


@pytest.mark.parametrize(
    "text", ["models:\n  A:\n    mapping: b\n", '{\n\t"models": {\n\t\t"A": {"mapping": "b"}\n\t}\n}']
)
def test_a_text_can_be_looked_at_before_it_is_saved(folder: Folder, text: str) -> None:
    folder.write(TEXT)
    store = folder.store()
    preview = store.preview(text)
    assert preview.changes == [Change("models.A.mapping", "a", "b")]
    assert folder.path.read_text() == TEXT
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
def test_a_text_that_cannot_be_saved_is_refused(folder: Folder, text: str, path: str | None) -> None:
    error = refused(lambda: folder.store().preview(text))
    assert (error.status, error.param) == (400, path)


def test_a_file_is_replaced_whole_or_not_at_all(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write(TEXT)

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", fail)
    error = refused(lambda: folder.store().save({"models": {}}))
    assert "No space left" in error.message
    assert folder.path.read_text() == TEXT
    assert list(folder.root.rglob("*.tmp")) == []


def test_what_computes_for_long_is_run_in_a_thread(folder: Folder) -> None:
    ran: list[str] = []

    def run_in_thread(work: Callable[[], str]) -> str:
        ran.append(work())
        return ran[-1]

    state = Store(folder.root, list, run_in_thread).save({"enable": True})
    assert ran == [state.text]
