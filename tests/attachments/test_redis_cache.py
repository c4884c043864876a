"""The cache of uploads for several machines, in a real Redis."""

from __future__ import annotations

import hashlib
import pickle
import threading
from pathlib import Path

import msgspec
import pytest

from app.attachments.cache import ENTRY_LIMIT, Entry, FileUploadCache, UploadCache
from app.attachments.counters import Counters
from app.attachments.redis_cache import RedisUploadCache
from app.coordination.redis.link import Link
from tests.attachments.test_cache import ENTRY, Bomb
from tests.gateway import free_port
from tests.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis-server")


class Forgetful:
    """Remembers nothing on this machine."""

    def get(self, key: str) -> None:
        return None

    def set(self, key: str, entry: Entry) -> None:
        pass


def make(server: RedisServer | str, ttl: int = 100, local: UploadCache | None = None) -> RedisUploadCache:
    url = server if isinstance(server, str) else server.url
    return RedisUploadCache(Link(url, threading.BoundedSemaphore(8)), ttl, local or Forgetful())


def only_key(server: RedisServer) -> bytes:
    (key,) = server.client.keys()
    return bytes(key)


def test_what_was_set_is_found_by_all(redis_server: RedisServer) -> None:
    one, other = make(redis_server), make(redis_server)
    assert one.get("key") is None
    one.set("key", ENTRY)
    assert one.get("key") == other.get("key") == ENTRY
    assert other.get("another key") is None


def test_an_entry_is_forgotten_when_its_time_is_over(redis_server: RedisServer) -> None:
    make(redis_server, ttl=100).set("key", ENTRY)
    assert 99_000 < redis_server.client.pttl(only_key(redis_server)) <= 100_000


def test_a_hit_renews_an_entry(redis_server: RedisServer) -> None:
    cache = make(redis_server, ttl=100)
    cache.set("key", ENTRY)
    redis_server.client.expire(only_key(redis_server), 5)
    assert cache.get("key") == ENTRY
    assert redis_server.client.pttl(only_key(redis_server)) > 99_000


def test_a_hit_is_one_round_trip(redis_server: RedisServer) -> None:
    cache = make(redis_server)
    cache.set("key", ENTRY)
    redis_server.client.config_resetstat()
    for _ in range(10):
        cache.get("key")
    commands = redis_server.client.info("commandstats")
    assert commands["cmdstat_getex"]["calls"] == 10
    assert "cmdstat_get" not in commands
    assert "cmdstat_expire" not in commands


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        b"null",
        b"[]",
        b"!" + msgspec.json.encode(ENTRY),
        b'{"url":"https://x","content_type":1,"name":"a"}',
        b'{"url":"javascript:x","content_type":"a/b","name":"a"}',
        b'{"url":"https://\xff","content_type":"a/b","name":"a"}',
        b"[" * 50_000,
        hashlib.shake_128(b"noise").digest(3000),
        msgspec.json.encode(Entry("https://x", "a/b", "a" * ENTRY_LIMIT)),
    ],
    ids=lambda content: f"{content[:20]!r} of {len(content)}",
)
def test_a_foreign_value_is_a_miss_and_is_replaced(redis_server: RedisServer, content: bytes) -> None:
    cache = make(redis_server)
    cache.set("key", ENTRY)
    redis_server.client.set(only_key(redis_server), content)
    assert cache.get("key") is None
    cache.set("key", ENTRY)
    assert cache.get("key") == ENTRY


def test_a_foreign_type_is_a_miss(redis_server: RedisServer) -> None:
    cache = make(redis_server)
    cache.set("key", ENTRY)
    key = only_key(redis_server)
    redis_server.client.delete(key)
    redis_server.client.hset(key, "field", "value")
    assert cache.get("key") is None
    cache.set("other", ENTRY)
    assert cache.get("other") == ENTRY


def test_a_pickle_is_not_executed(redis_server: RedisServer, tmp_path: Path) -> None:
    cache = make(redis_server)
    cache.set("key", ENTRY)
    for begin in (b"", b"!"):
        bomb = begin + pickle.dumps(Bomb(tmp_path / "exploded"))
        redis_server.client.set(only_key(redis_server), bomb)
        assert cache.get("key") is None
    assert not (tmp_path / "exploded").exists()


def test_while_redis_is_down_this_machine_remembers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    local = FileUploadCache(tmp_path / "url_cache", 1024 * 1024, 100, 1, Counters())
    cache = make(f"redis://127.0.0.1:{free_port()}", local=local)
    assert cache.get("key") is None
    cache.set("key", ENTRY)
    assert cache.get("key") == local.get("key") == ENTRY
    assert len(caplog.records) == 1


def test_what_this_machine_remembered_while_redis_was_down_all_know_when_it_is_back(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    local = FileUploadCache(tmp_path / "url_cache", 1024 * 1024, 100, 1, Counters())
    make(f"redis://127.0.0.1:{free_port()}", local=local).set("key", ENTRY)
    assert make(redis_server).get("key") is None
    assert make(redis_server, local=local).get("key") == ENTRY
    assert make(redis_server).get("key") == ENTRY


def test_while_redis_is_up_this_machine_keeps_nothing(redis_server: RedisServer, tmp_path: Path) -> None:
    local = FileUploadCache(tmp_path / "url_cache", 1024 * 1024, 100, 1, Counters())
    make(redis_server, local=local).set("key", ENTRY)
    assert local.get("key") is None
