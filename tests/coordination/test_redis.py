"""Redis itself: down, silent, refusing, forgetful; and greenlets killed while they ask it."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import trustme

from app import names
from app.attachments.redis_cache import RedisUploadCache
from app.coordination.counts import FileCounts
from app.coordination.once import FileOnce
from app.coordination.redis import link as module
from app.coordination.redis.boards import RedisBoard
from app.coordination.redis.counts import RedisCounts
from app.coordination.redis.fallback import FallbackCounts, FallbackOnce, FallbackSlots
from app.coordination.redis.link import Link, Unavailable
from app.coordination.redis.once import RedisOnce
from app.coordination.redis.slots import RedisSlots
from app.coordination.slots import FileSlots
from tests.attachments.test_redis_cache import Forgetful
from tests.gateway import LIMIT, ROOT, eventually, free_port
from tests.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis-server")
INTERVAL = 0.25


def connect(server: RedisServer | str) -> Link:
    url = server if isinstance(server, str) else server.url
    return Link(url, threading.BoundedSemaphore(32))


def ping(link: Link) -> bool:
    try:
        return bool(link.run(link.client.ping))
    except Unavailable:
        return False


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may do anything to."""
    server = RedisServer(tmp_path)
    yield server
    server.thaw()
    server.kill()


# Down, and back.


def test_a_link_needs_no_redis_until_it_is_used() -> None:
    assert not ping(connect(f"redis://127.0.0.1:{free_port()}"))


def test_while_redis_is_down_one_warning_a_minute_names_the_place_and_no_password(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def pause(_: float) -> None:
        now.append(now[-1] + 1)
        if len(now) == 119:
            over.set()
            threading.Event().wait()

    now, over = [1000.0], threading.Event()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[-1], sleep=pause))
    port = free_port()
    with caplog.at_level(logging.INFO):
        assert not ping(connect(f"redis://someone:hidden@127.0.0.1:{port}"))
        assert over.wait(LIMIT)
    assert len(caplog.records) == 2
    assert f"127.0.0.1:{port}" in caplog.text
    assert "hidden" not in caplog.text


def test_a_redis_that_fails_again_and_again_is_said_to_be_back_no_more_often_than_to_be_down(
    own: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        calls.append("")
        raise redis.ConnectionError("x" * 10_000)

    calls: list[str] = []
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    link = connect(own)
    for count in range(1, 6):
        while len(calls) < count:
            with suppress(Unavailable):
                link.run(fail)
    eventually(lambda: ping(link))
    assert [("is back" in each.message) for each in caplog.records] == [False, True]
    assert len(caplog.text) < 1000


def test_redis_is_used_again_as_soon_as_it_is_back(
    own: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    link = connect(own)
    assert ping(link)
    own.kill()
    assert not ping(link)
    own.start()
    began = time.monotonic()
    eventually(lambda: ping(link))
    assert time.monotonic() - began < 3
    assert "is back" in caplog.text


def test_a_restart_between_two_commands_is_not_noticed(own: RedisServer) -> None:
    link = connect(own)
    assert ping(link)
    own.kill()
    own.start()
    assert ping(link)


def test_a_redis_that_does_not_answer_costs_those_who_ask_first_their_time_and_nobody_else(
    own: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note() -> None:
        calls.append("")

    calls: list[str] = []
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    link = connect(own)
    assert ping(link)
    own.freeze()
    began = time.monotonic()
    assert not ping(link)
    assert 0.9 < time.monotonic() - began < 2.5
    for _ in range(20):
        time.sleep(0.05)
        with pytest.raises(Unavailable):
            link.run(note)
    assert calls == []
    own.thaw()
    eventually(lambda: ping(link))


def test_connections_from_before_a_failure_are_not_used_after_it(own: RedisServer) -> None:
    link = connect(own)
    for connection in [link.client.connection_pool.get_connection() for _ in range(8)]:
        link.client.connection_pool.release(connection)
    before = {each["id"] for each in own.client.client_list()}
    assert len(before) >= 8
    own.freeze()
    assert not ping(link)
    own.thaw()
    eventually(lambda: ping(link))
    remaining = {each["id"] for each in own.client.client_list()} & before
    assert not remaining


def refuse_writes(server: RedisServer) -> None:
    server.client.config_set("maxmemory", 1)


def obey_another(server: RedisServer) -> None:
    server.client.replicaof("127.0.0.1", str(server.port))


def allow_little(server: RedisServer) -> None:
    server.client.acl_setuser("default", enabled=True, nopass=True, commands=["-@write"])


@pytest.mark.parametrize("spoil", [refuse_writes, obey_another, allow_little])
def test_one_that_only_reads_is_down_until_it_writes_again(
    own: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[RedisServer], None],
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    link = connect(own)
    counts = FallbackCounts(RedisCounts(link, "tries", 2, 600.0), FileCounts(tmp_path / "tries", 2, 600.0))
    assert counts.look("key") == 0
    spoil(own)
    with pytest.raises(Unavailable):
        RedisSlots(link, INTERVAL).reserve()
    assert [counts.count("key") for _ in range(2)] == [0, 0]
    time.sleep(0.2)
    assert counts.count("key") > 0
    assert counts.look("key") > 0
    own.client.config_set("maxmemory", 0)
    own.client.replicaof("NO", "ONE")
    own.client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all"])
    eventually(lambda: ping(link))
    assert counts.look("key") > 0
    assert [("is back" in each.message) for each in caplog.records] == [False, True]


def test_a_name_that_nobody_resolves_in_time_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    looks: list[object] = []

    def look_up(*address: object, **_: object) -> list[object]:
        looks.append(address[0])
        may_end.wait(LIMIT)
        raise socket.gaierror

    monkeypatch.setattr(names.socket, "getaddrinfo", look_up)
    link = connect("redis://redis.invalid")
    began = time.monotonic()
    assert not ping(link)
    assert time.monotonic() - began < 4
    time.sleep(2)  # in which it is tried again
    assert looks.count("redis.invalid") == 1
    may_end.set()


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (["--requirepass", "secret"], "redis://127.0.0.1:{port}"),
        (["--requirepass", "secret"], "redis://:wrong@127.0.0.1:{port}"),
        ([], "redis://127.0.0.1:{port}/9999"),
        (["--maxmemory", "1"], "redis://127.0.0.1:{port}"),
    ],
    ids=["no password", "wrong password", "no such database", "no room"],
)
def test_a_redis_that_refuses_is_one_that_is_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: list[str], url: str
) -> None:
    port = free_port()
    known = f"redis://:secret@127.0.0.1:{port}" if "--requirepass" in options else None
    server = RedisServer(tmp_path, "--port", str(port), *options, url=known or f"redis://127.0.0.1:{port}")
    slots = RedisSlots(connect(url.format(port=port)), INTERVAL)
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                slots.reserve()
    finally:
        server.kill()
    assert len(caplog.records) == 1
    assert "wrong" not in caplog.text


def test_a_command_that_alone_is_refused_costs_no_other(
    own: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own.client.acl_setuser("default", enabled=True, nopass=True, commands=["-zadd"])
    link = connect(own)
    counts = FallbackCounts(RedisCounts(link, "tries", 2, 600.0), FileCounts(tmp_path / "tries", 2, 600.0))
    assert [counts.count("key") for _ in range(2)] == [0, 0]
    assert counts.count("key") > 0
    assert counts.look("key") > 0
    assert ping(link)
    assert len(caplog.records) == 1


# Ways to reach it.


def test_it_is_reached_over_a_unix_socket_with_a_password(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    server = RedisServer(
        tmp_path,
        *("--port", "0", "--unixsocket", str(path), "--requirepass", "p@ss"),
        url=f"unix://{path}?password=p%40ss&db=3",
    )
    try:
        assert ping(connect(server))
    finally:
        server.kill()


@pytest.mark.parametrize("is_trusted", [True, False])
def test_it_is_reached_over_tls_if_its_certificate_is_trusted(tmp_path: Path, is_trusted: bool) -> None:
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    for name, blob in (("key", certificate.private_key_pem), ("cert", certificate.cert_chain_pems[0])):
        blob.write_to_path(tmp_path / f"{name}.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    other.cert_pem.write_to_path(tmp_path / "other.pem")
    port = free_port()
    server = RedisServer(
        tmp_path,
        *("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem"),
        url=f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/ca.pem",
    )
    try:
        known = tmp_path / ("ca.pem" if is_trusted else "other.pem")
        assert ping(connect(f"rediss://127.0.0.1:{port}?ssl_ca_certs={known}")) is is_trusted
    finally:
        server.kill()


def test_the_page_says_what_its_user_must_be_allowed(
    own: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    (rules,) = re.findall(r"^ACL SETUSER (poe2openai .*)$", page, re.MULTILINE)
    own.client.execute_command("ACL SETUSER", *rules.split())
    link = connect(f"redis://poe2openai:password@127.0.0.1:{own.port}/1")
    slots, counts = RedisSlots(link, INTERVAL), RedisCounts(link, "tries", 2, 600.0)
    slots.give_back(slots.reserve())
    assert counts.count("key") == counts.look("key") == 0
    assert RedisOnce(link, "tests").share("key", lambda: b"outcome") == b"outcome"
    RedisBoard(link).write("name", b"content")
    assert RedisBoard(link).read("name") == b"content"
    assert RedisUploadCache(link, 100, Forgetful()).get("key") is None
    assert not caplog.records


# Greenlets.


def under_gevent(what: str, server: RedisServer) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.coordination.killed", what, server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def test_a_killed_greenlet_leaves_no_connection_with_its_answer(redis_server: RedisServer) -> None:
    result = under_gevent("kill", redis_server)
    assert result["answers"] > 100
    assert result["wrong"] == 0
    assert result["last"] == "last"
    assert result["in use"] == 0
    assert result["connections"] <= 4


def test_others_run_while_greenlets_wait_for_redis(own: RedisServer) -> None:
    own.freeze()
    result = under_gevent("wait", own)
    assert result["waits"] == 100
    assert result["longest"] < 2.5
    assert result["longest later"] < 0.1
    assert result["turns"] > 20


# Slots.


def test_while_redis_is_down_slots_are_an_interval_apart_on_this_machine(
    own: RedisServer, tmp_path: Path
) -> None:
    local = FileSlots(tmp_path / "next_slot", INTERVAL)
    slots = [FallbackSlots(RedisSlots(connect(own), INTERVAL), local) for _ in range(2)]
    assert not slots[0].reserve().is_local
    own.kill()
    reserved = [slots[number % 2].reserve() for number in range(4)]
    assert all(slot.is_local for slot in reserved)
    starts = [slot.start for slot in reserved]
    assert [each - starts[0] for each in starts] == [number * INTERVAL * 1e9 for number in range(4)]
    slots[0].give_back(reserved[-1])
    assert local.reserve().start == reserved[-1].start
    own.start()
    eventually(lambda: not slots[0].reserve().is_local)


def test_giving_back_to_a_redis_that_is_gone_harms_nobody(own: RedisServer) -> None:
    slots = RedisSlots(connect(own), INTERVAL)
    slot = slots.reserve()
    own.kill()
    slots.give_back(slot)


def test_a_clock_that_was_set_back_holds_nobody_up(redis_server: RedisServer) -> None:
    slots = RedisSlots(connect(redis_server), INTERVAL)
    slots.reserve()
    ahead = round((time.time() + 100_000) * 1_000_000)
    redis_server.client.set("poe2openai:slots:next", ahead)
    assert slots.reserve().seconds == 0
    assert 0 < slots.reserve().seconds <= INTERVAL


@pytest.mark.parametrize("content", [b"", b"abc", b"-5", b"nan"])
def test_a_broken_value_does_no_harm(redis_server: RedisServer, content: bytes) -> None:
    redis_server.client.set("poe2openai:slots:next", content)
    slots = RedisSlots(connect(redis_server), INTERVAL)
    slots.reserve()
    assert 0 < slots.reserve().seconds <= 2 * INTERVAL


def test_nothing_stays_for_ever(redis_server: RedisServer) -> None:
    link = connect(redis_server)
    slots = RedisSlots(link, INTERVAL)
    reserved = [slots.reserve() for _ in range(4)]
    slots.give_back(reserved[1])
    RedisOnce(link, "tests").share("key", lambda: b"outcome")
    keys = redis_server.client.keys()
    assert len(keys) >= 3
    assert all(redis_server.client.pttl(key) > 0 for key in keys)


def test_a_reservation_is_one_round_trip(redis_server: RedisServer) -> None:
    slots = RedisSlots(connect(redis_server), INTERVAL)
    slots.reserve()
    before = redis_server.client.info("commandstats")
    for _ in range(10):
        slots.reserve()
    after = redis_server.client.info("commandstats")
    called = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    assert called["cmdstat_evalsha"] == 10
    assert called.get("cmdstat_ping", 0) == called.get("cmdstat_eval", 0) == 0


# Counts.


def test_while_redis_is_down_this_machine_counts(own: RedisServer, tmp_path: Path) -> None:
    shared = RedisCounts(connect(own), "tries", 2, 600.0)
    counts = FallbackCounts(shared, FileCounts(tmp_path / "tries", 2, 600.0))
    own.kill()
    assert [counts.count("key") for _ in range(2)] == [0, 0]
    assert counts.count("key") > 0
    assert counts.look("key") > 0


def test_moments_in_the_future_do_not_count_and_nothing_tells_of_a_key(redis_server: RedisServer) -> None:
    counts = RedisCounts(connect(redis_server), "tries", 2, 600.0)
    counts.count("192.0.2.7")
    (key,) = redis_server.client.keys()
    assert b"192.0.2.7" not in key
    assert 0 < redis_server.client.pttl(key) <= 600_000
    ahead = (time.time() + 10_000) * 1_000_000
    redis_server.client.zadd(key, {"a": ahead, "b": ahead, "c": ahead})
    assert counts.look("192.0.2.7") == counts.count("192.0.2.7") == 0
    assert redis_server.client.zcard(key) == 2


def test_counts_of_other_names_are_others(redis_server: RedisServer) -> None:
    link = connect(redis_server)
    counts, others = (RedisCounts(link, name, 1, 600.0) for name in ("tries", "others"))
    assert counts.count("key") == others.count("key") == 0
    assert counts.count("key") > 0


# Once.


def test_a_holder_works_for_longer_than_its_lease(redis_server: RedisServer) -> None:
    def work() -> bytes:
        begun.set()
        assert may_end.wait(LIMIT)
        return b"first"

    begun, may_end = threading.Event(), threading.Event()
    outcomes: list[bytes] = []
    once = RedisOnce(connect(redis_server), "tests", lease_seconds=0.3)
    holder = threading.Thread(target=lambda: outcomes.append(once.share("key", work)))
    holder.start()
    assert begun.wait(LIMIT)
    other = threading.Thread(target=lambda: outcomes.append(once.share("key", lambda: b"second")))
    other.start()
    time.sleep(1.2)
    assert outcomes == []
    may_end.set()
    holder.join(LIMIT)
    other.join(LIMIT)
    assert outcomes == [b"first", b"first"]


@pytest.mark.parametrize("is_down", [True, False], ids=["down", "frozen"])
def test_work_is_done_though_redis_goes_away_meanwhile(
    own: RedisServer, tmp_path: Path, is_down: bool
) -> None:
    def work() -> bytes:
        own.kill() if is_down else own.freeze()
        return b"outcome"

    calls: list[bytes] = []
    once = FallbackOnce(RedisOnce(connect(own), "tests"), FileOnce(tmp_path / "uploading"))
    outcome = once.share("key", lambda: calls.append(b"x") or work())
    assert outcome == b"outcome"
    assert calls == [b"x"]
    assert once.share("key", lambda: b"again") == b"again"


def test_who_waits_when_redis_goes_away_does_the_work_itself(own: RedisServer, tmp_path: Path) -> None:
    def make() -> FallbackOnce:
        return FallbackOnce(RedisOnce(connect(own), "tests"), FileOnce(tmp_path / "uploading"))

    begun, may_end = threading.Event(), threading.Event()

    def work() -> bytes:
        begun.set()
        assert may_end.wait(LIMIT)
        return b"first"

    outcomes: list[bytes] = []
    holder = threading.Thread(target=lambda: outcomes.append(make().share("key", work)))
    holder.start()
    assert begun.wait(LIMIT)
    other = threading.Thread(target=lambda: outcomes.append(make().share("key", lambda: b"second")))
    other.start()
    time.sleep(0.2)
    own.kill()
    other.join(LIMIT)
    assert outcomes == [b"second"]
    may_end.set()
    holder.join(LIMIT)
    assert outcomes == [b"second", b"first"]


def test_a_failure_is_raised_as_it_is(redis_server: RedisServer) -> None:
    def fail() -> bytes:
        raise ValueError("failed")

    once = RedisOnce(connect(redis_server), "tests")
    with pytest.raises(ValueError, match="failed"):
        once.share("key", fail)
    began = time.monotonic()
    assert once.share("key", lambda: b"again") == b"again"
    assert time.monotonic() - began < 2
