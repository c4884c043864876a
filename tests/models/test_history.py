"""The last versions of models.yaml."""

from __future__ import annotations

import stat

import pytest

from app.models.changes import Change
from tests.models.folder import TEXT, Folder, refused


def test_the_last_twenty_versions_are_kept_newest_first(folder: Folder) -> None:
    folder.write("# by hand\n")
    store = folder.store()
    for number in range(25):
        store.save({"models": {"A": {"note": str(number)}}})
    versions = store.versions()
    assert [store.version(each.id).fields["models"]["A"]["note"] for each in versions] == [
        str(number) for number in range(24, 4, -1)
    ]
    assert versions[0].tag == store.current().version
    assert [each.saved_at for each in versions] == sorted((each.saved_at for each in versions), reverse=True)
    assert stat.S_IMODE(folder.history.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.history.iterdir()}
    assert (modes, len(list(folder.history.iterdir()))) == ({0o600}, 20)


def test_what_was_written_by_hand_is_a_version(folder: Folder) -> None:
    store = folder.store()
    store.save({"models": {"A": {}}})
    folder.write("models: {B: {}}  # by hand\n")
    store.save({"models": {"C": {}}})
    texts = [store.version(each.id).text for each in store.versions()]
    assert texts == ["models: {C: {}}  # by hand\n", "models: {B: {}}  # by hand\n", "models:\n  A: {}\n"]


def test_a_version_shows_what_has_changed_since_and_no_token(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    store.save({"models": {"A": {"mapping": "b"}, "B": {"enable": False}}, "api_token": "another"})
    past = store.version(store.versions()[-1].id)
    assert past.changes == [
        Change("models.A.mapping", "a", "b"),
        Change("api_token", "***", "*** (another)"),
        Change("models.B.enable", None, False),
    ]
    assert past.text == TEXT.replace("a-secret-token", '"***"')
    assert past.fields["models"] == {"A": {"mapping": "a"}}


def test_a_version_can_be_restored_but_not_its_token(folder: Folder) -> None:
    folder.write(TEXT)
    store = folder.store()
    state = store.save({"models": {}, "unknown": None, "api_token": "another"})
    restored = store.restore(store.versions()[-1].id, state.version)
    assert restored.text == TEXT.replace("a-secret-token", "another")
    assert refused(lambda: store.restore(store.versions()[-1].id, state.version)).status == 409


@pytest.mark.parametrize("id", ["", "x", "../models", "1795670845422-" + "0" * 32, "%2e%2e/models", "\x00"])
def test_a_version_that_is_not_there_is_a_404(folder: Folder, id: str) -> None:
    store = folder.store()
    store.save({"enable": True})
    assert refused(lambda: store.version(id)).status == 404
    assert refused(lambda: store.restore(id)).status == 404


def test_a_broken_version_is_shown_and_not_restored(folder: Folder) -> None:
    folder.write("api_token: secret-secret\nmodels: [\n")
    store = folder.store()
    store.save({"enable": True})
    broken = store.versions()[-1].id
    past = store.version(broken)
    assert past.error is not None
    assert "secret" not in past.text
    assert refused(lambda: store.restore(broken)).status == 400


def test_foreign_files_in_the_history_are_left_alone(folder: Folder) -> None:
    folder.history.mkdir()
    folder.history.joinpath("notes.txt").write_text("x")
    folder.history.joinpath("folder.yaml").mkdir()
    store = folder.store()
    for number in range(25):
        store.save({"models": {"A": {"note": str(number)}}})
    assert folder.history.joinpath("notes.txt").exists()
    assert len(store.versions()) == 20
