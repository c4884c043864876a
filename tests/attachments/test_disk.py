"""What is stored about uploads on disk."""

from __future__ import annotations

import contextlib
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attachments.parts import PNG, attached, data_url, image, random_image
from tests.conftest import StartGateway
from tests.gateway import KEY
from tests.upstream.bots import PoeServer
from tests.upstream.uploads import UploadServer


def test_what_is_kept_is_for_its_owner_only_and_holds_no_secret(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path / "config"), RATE_LIMIT_MS="10"
    )
    attached(gateway, image(data_url(PNG)), image("https://example.com/a.png?token=hidden"))
    gateway.stop()
    found = [tmp_path / "config", *(tmp_path / "config").rglob("*")]
    assert len([each for each in found if each.is_file()]) >= 3
    for each in found:
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each
        if each.is_file():
            content = each.read_bytes()
            assert KEY.encode() not in content
            assert b"hidden" not in content
            assert b"IHDR" not in content


@pytest.mark.parametrize(
    "damage", [b"", b"\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff{", bytes(range(155, 255))]
)
def test_a_damaged_file_is_a_miss(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path, damage: bytes
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path))
    part = image(data_url(PNG))
    attached(gateway, part)
    (entry,) = (tmp_path / "url_cache").iterdir()
    entry.write_bytes(damage)
    assert attached(gateway, part)[0]["url"] == uploads.uploads[1].answered
    assert attached(gateway, part)[0]["url"] == uploads.uploads[1].answered
    assert len(uploads.uploads) == 2


def test_an_entry_lives_as_long_as_it_is_used(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, URL_CACHE_TTL_SECONDS="3")
    part = image(data_url(PNG))
    for _ in range(6):
        attached(gateway, part)
        time.sleep(0.7)
    assert len(uploads.uploads) == 1
    time.sleep(3.2)
    attached(gateway, part)
    assert len(uploads.uploads) == 2


def bytes_on_disk(folder: Path) -> int:
    """The bytes that the files of a changing folder take."""
    size = 0
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            size += each.stat().st_blocks * 512
    return size


def test_the_cache_stays_within_its_bound(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    bound = 1024 * 1024
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, URL_CACHE_SIZE_MB="1", CONFIG_DIR=str(tmp_path)
    )
    urls = [f"https://example.com/{number}.png" for number in range(4000)]
    done, sizes = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.002):
            sizes.append(bytes_on_disk(tmp_path / "url_cache"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with ThreadPoolExecutor(2) as threads:
        batches = [urls[first : first + 250] for first in range(0, len(urls), 250)]
        list(threads.map(lambda batch: attached(gateway, *map(image, batch)), batches))
    done.set()
    watcher.join()
    assert bound / 2 < max(sizes) <= bound * 1.1
    known = len(uploads.uploads)
    attached(gateway, *map(image, urls[-20:]))
    assert len(uploads.uploads) == known, "what came last is still known"


def test_a_disk_that_fails_costs_a_warning_and_not_the_request(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    (tmp_path / "url_cache").write_text("no folder")
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path), WEB_CONCURRENCY="1"
    )
    for _ in range(3):
        assert attached(gateway, image(data_url(random_image())))
    assert gateway.log.read_text().count("WARNING") - 1 <= 2  # the default password has one, too
    assert gateway.log.read_text().count("uploads are not remembered") == 1
