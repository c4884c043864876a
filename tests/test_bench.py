"""The bench's quick parts: the load client's counts, the upstream, the report."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from xml.etree import ElementTree as ET

import httpx
import openai
import pytest

from bench import load, measures, picture, report
from bench.load import Job, Target
from bench.measures import Results, Sample, Subject, percentile
from bench.report import Outcome
from bench.servers import Server
from bench.upstream import OPENAI, POE, Upstream, streamed, whole
from tests.conftest import StartGateway
from tests.gateway import Gateway


class Canned(asyncio.Protocol):
    """Answers every query with the same pieces, each for one read; then closes, if told to."""

    def __init__(self, pieces: list[bytes], *, close: bool = False) -> None:
        self.pieces, self.close = pieces, close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.answering = asyncio.ensure_future(self.answer())

    async def answer(self) -> None:
        for piece in self.pieces:
            self.transport.write(piece)
            await asyncio.sleep(0)
        if self.close:
            self.transport.close()


def run(make: Callable[[], asyncio.Protocol], job: Job, *, poe: bool = False) -> load.Tally:
    """One job against a server in the same loop."""

    async def both() -> load.Tally:
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        try:
            return await load.run(Target(server.sockets[0].getsockname()[1], poe=poe), job)
        finally:
            server.close()

    return asyncio.run(both())


@pytest.fixture
def upstream() -> Iterator[int]:
    """The bench's upstream in a thread; its port."""
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), []

    async def serve() -> None:
        server = await loop.create_server(Upstream, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield ports[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.mark.parametrize(
    ("poe", "stream"), [(True, True), (False, True), (False, False)], ids=["poe", "openai", "openai-whole"]
)
def test_the_load_client_counts_what_the_upstream_sends(poe: bool, stream: bool) -> None:
    tally = run(Upstream, Job("events-20", stream=stream, connections=4, queries=30, limit=20), poe=poe)
    assert (tally.answers, tally.events, tally.errors) == (30, 600, 0)
    assert len(tally.first_texts) == 30
    assert 0 < max(tally.first_texts) <= tally.seconds


def test_paced_events_tell_how_late_they_are() -> None:
    tally = run(Upstream, Job("paced-5-20", connections=3, queries=3, limit=20), poe=True)
    assert (tally.answers, tally.events, tally.errors) == (3, 15, 0)
    assert len(tally.lateness) == 15
    assert all(0 <= late < 1 for late in tally.lateness)
    assert tally.seconds >= 0.08
    assert tally.last_first < tally.seconds


def test_no_query_begins_after_the_time_of_a_job() -> None:
    tally = run(Upstream, Job("events-1", connections=2, seconds=0.1, limit=20), poe=True)
    assert tally.answers >= 2
    assert tally.errors == 0
    assert 0.1 <= tally.seconds < 5


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("answer", [streamed(POE, 12), streamed(OPENAI, 12), whole(12)])
def test_events_are_counted_however_the_bytes_are_cut(answer: bytes, size: int) -> None:
    pieces = [answer[start : start + size] for start in range(0, len(answer), size)]
    tally = run(lambda: Canned(pieces), Job("events-12", queries=2, limit=20))
    assert (tally.answers, tally.events, tally.errors) == (2, 24, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_events_are_counted_across_the_borders_of_chunks(size: int) -> None:
    body = b"".join(b"word%d " % number for number in range(12))
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    tally = run(lambda: Canned([head, chunks, b"0\r\n\r\n"]), Job("events-12", queries=2, limit=20))
    assert (tally.answers, tally.events, tally.errors) == (2, 24, 0)


@pytest.mark.parametrize(
    "server",
    [
        lambda: Canned([streamed(POE, 11)]),
        lambda: Canned([streamed(POE, 12).replace(b" 200 ", b" 500 ")]),
        lambda: Canned([streamed(POE, 12)[:-300]], close=True),
        lambda: Canned([], close=True),
        lambda: Canned([]),
    ],
    ids=["an event short", "500", "cut", "closed", "silent"],
)
def test_what_is_no_complete_answer_is_an_error(server: Callable[[], Canned]) -> None:
    tally = run(server, Job("events-12", connections=2, queries=2, limit=0.5))
    assert tally.errors == 2
    assert tally.seconds < 5


@pytest.mark.parametrize("stream", [True, False])
def test_the_openai_package_understands_the_upstream(upstream: int, stream: bool) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{upstream}/v1", api_key=load.KEY)
    answer = client.chat.completions.create(
        model="events-3", messages=[{"role": "user", "content": "hi"}], stream=stream
    )
    if stream:
        texts = [chunk.choices[0].delta.content or "" for chunk in answer]
    else:
        texts = [answer.choices[0].message.content]
    assert "".join(texts) == "word0 word1 word2 "


@pytest.mark.parametrize("job", [Job("events-20", queries=5), Job("events-20", stream=False, queries=5)])
def test_the_gateway_passes_every_event_on(upstream: int, job: Job, start_gateway) -> None:
    gateway = start_gateway(f"http://127.0.0.1:{upstream}", RATE_LIMIT_MS="0")
    tally = asyncio.run(load.run(Target(gateway.port), job))
    assert (tally.answers, tally.events, tally.errors) == (5, 100, 0)


def test_a_large_request_is_answered_or_not() -> None:
    def sent(*pieces: bytes) -> bool:
        async def both() -> bool:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Canned(list(pieces), close=True), "127.0.0.1", 0)
            async with server:
                return await load.send(Target(server.sockets[0].getsockname()[1]), b"POST / HTTP/1.1\r\n")

        return asyncio.run(both())

    good = whole(1)
    assert sent(good)
    assert sent(good[:100], good[100:])
    assert not sent(good[:-10])
    assert not sent(whole(0))
    assert not sent(good.replace(b" 200 ", b" 500 "))
    assert not sent()


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_the_upstream_takes_uploads_and_keeps_the_connection(upstream: int, size: int) -> None:
    client = httpx.Client(base_url=f"http://127.0.0.1:{upstream}", trust_env=False)
    for _ in range(2):
        answer = client.post("/upload", files={"file": ("a.png", os.urandom(size), "image/png")})
        assert answer.json()["mime_type"] == "image/png"
    assert client.get("/v1/models").json()["data"]


def subject_of(gateway: Gateway) -> Subject:
    target = Target(gateway.port)
    return Subject("gateway", target, Server("gateway", gateway.process, target, gateway.log))


@pytest.fixture
def subject(upstream: int, start_gateway: StartGateway) -> Subject:
    """A gateway to the bench's upstream, as the bench has it."""
    url = f"http://127.0.0.1:{upstream}"
    return subject_of(start_gateway(url, POE_FILE_UPLOAD_URL=f"{url}/upload", WEB_CONCURRENCY="1"))


def test_an_image_is_measured(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "IMAGE", 5_000_000)
    sample = asyncio.run(measures.image(subject))
    assert sample["image_errors"] == 0
    assert 1 < sample["image_peak"] < 10  # the request alone is 4/3 of the image
    assert 0 < sample["image_stall_s"] < 10
    assert "uploaded kind=image bytes=5000000 " in subject.server.log.read_text()


def test_known_images_are_measured(subject: Subject) -> None:
    sample = asyncio.run(measures.cached(subject))
    assert sample["cached_errors"] == 0
    assert 0 < sample["cached_cpu_s"] < 10
    assert subject.server.log.read_text().count("uploaded ") == 10


@pytest.mark.parametrize("measure", [measures.image, measures.cached])
def test_an_image_that_is_refused_is_an_error(
    upstream: int,
    start_gateway: StartGateway,
    monkeypatch: pytest.MonkeyPatch,
    measure: Callable[[Subject], Awaitable[Sample]],
) -> None:
    monkeypatch.setattr(measures, "IMAGE", 1_000_000)
    gateway = start_gateway(f"http://127.0.0.1:{upstream}", MAX_ATTACHMENTS="0", WEB_CONCURRENCY="1")
    sample = asyncio.run(measure(subject_of(gateway)))
    assert sum(value for figure, value in sample.items() if figure.endswith("errors")) > 0


GATEWAY = {
    "whole_per_s": 2000.0,
    "whole_cpu_s": 500e-6,
    "short_per_s": 1900.0,
    "long_events_per_s": 400_000.0,
    "paced_cpu_s": 90e-6,
    "first_s": 0.0011,
    "slow_errors": 0,
    "slow_last_first_s": 1.25,
    "slow_late_s": 0.02,
    "idle_rss_bytes": 73_000_000.0,
    "idle_pss_bytes": 38_000_000.0,
    "idle_service_bytes": 90_000_000.0,
    "stream_bytes": 32_000.0,
    "growth": 0.9,
    "image_peak": 2.7,
    "image_stall_s": 0.0512,
    "cached_cpu_s": 0.02,
}
PLAIN = GATEWAY | {"whole_per_s": 500.0, "whole_cpu_s": 1500e-6, "paced_cpu_s": 180e-6, "growth_errors": 3}


def outcome() -> Outcome:
    facts = {
        "date": "2026-01-02",
        "quick": False,
        "minutes": 12,
        "cpu": "A processor",
        "cores": 2,
        "memory_gb": 8,
        "system": "Linux 6",
        "commit": "abc1234",
        "versions": {"Python": "3.11.7"},
    }
    medians = {"gateway": GATEWAY, "plain": PLAIN, "direct": {"first_s": 0.0001}}
    samples = {
        "gateway": {"whole_per_s": [1900.0, 2000.0, 2100.0]},
        "machine": {"others": [0.02, 0.5]},
    }
    return Outcome(medians=medians, samples=samples, absent={"nginx": "nginx is not here"}, about=facts)


def test_the_targets_are_compared_with_what_was_found() -> None:
    rows = {label: rest for label, *rest in report.goal_rows(outcome())}
    assert rows["whole answers, over the plain version's"] == ["≥ 1.7 ×", "4 ×", "yes", "3 ×"]
    assert rows["CPU an event at 50 ms: the plain version's over ours"] == ["≥ 1.4 ×", "2 ×", "yes", ""]
    assert rows["first text over direct"] == ["≤ 1.8 ms", "1 ms", "yes", ""]
    assert rows["memory idle, the worker's RSS"] == ["≤ 60 MB", "73 MB", "**missed**", ""]
    assert rows["an image of 20 MB: memory at the peak, in sizes of it"] == ["≤ 4 ×", "2.7 ×", "yes", ""]
    late = ["≤ 50 ms", "51.2 ms", "**missed**", ""]
    assert rows["an image of 20 MB: how late a stream beside it is"] == late
    assert rows["ten known images of 1 MB: work added"] == ["≤ 60 ms", "20 ms", "yes", ""]
    assert rows["whole answers, over LiteLLM's"] == ["≥ 12 ×", "–", "not measured", ""]


def test_the_tables_have_what_was_measured_and_say_what_was_not() -> None:
    text = report.terminal(outcome())
    assert "LiteLLM's over ours" in text
    assert "Left out: nginx: nginx is not here" in text
    first, *rows = report.figure_rows(outcome())
    assert first == ["whole answers a second, 32 connections", "2,000", "500", "–"]
    assert rows[0] == ["… CPU an answer (µs)", "500", "1,500", "–"]
    assert rows[-1] == ["errors in everything else", "0", "3", "0"]
    assert report.spread_rows(outcome()) == [[first[0], "1,900", "2,000", "2,100"]]


def test_the_page_has_tables_machine_and_date() -> None:
    text = report.page(outcome())
    assert "on 2026-01-02, at commit abc1234" in text
    assert "| memory idle, the worker's RSS | ≤ 60 MB | 73 MB | **missed** |  |" in text
    assert "A processor, 2 cores, 8 GB, Linux 6. Python 3.11.7." in text
    assert "Left out was nginx" in text
    assert "Other programs took 50% of one core" in text
    assert "**The machine was not quiet**" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 110


def test_the_picture_is_svg_with_a_bar_for_each() -> None:
    root = ET.fromstring(report.drawing(outcome()))
    space = "{http://www.w3.org/2000/svg}"
    texts = [each.text for each in root.iter(f"{space}text")]
    assert texts[:5] == ["Whole answers a second", "gateway", "2,000", "plain", "500"]
    widths = [float(each.get("width")) for each in root.iter(f"{space}rect")]
    assert len(widths) == 1 + 2 * 6
    assert widths[2] == pytest.approx(widths[1] / 4)
    assert "prefers-color-scheme: dark" in report.drawing(outcome())


def test_names_cannot_break_the_picture() -> None:
    panel = picture.Panel("a < b", [picture.Bar("x & y", 0.0)])
    assert ET.fromstring(picture.draw([panel], report.number)) is not None


def test_an_outcome_survives_its_file() -> None:
    assert Outcome(**json.loads(json.dumps(outcome().as_json()))) == outcome()


def test_rounds_become_medians_sums_of_errors_the_first_of_memory_and_the_greatest_peak() -> None:
    results = Results()
    for speed, errors, memory, peak in ((3.0, 1, 7.0, 2.0), (1.0, 0, 1.0, 3.0), (2.0, 1, 1.0, 1.0)):
        sample = {"whole_per_s": speed, "whole_errors": errors, "stream_bytes": memory, "image_peak": peak}
        results.add("gateway", sample)
    expected = {"whole_per_s": 2.0, "whole_errors": 2, "stream_bytes": 7.0, "image_peak": 3.0}
    assert results.medians()["gateway"] == expected


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1_234_567, "1,230,000"),
        (99.96, "100"),
        (1.2345, "1.23"),
        (73.0, "73"),
        (0.004567, "0.00457"),
    ],
)
def test_numbers_have_three_digits(value: float, written: str) -> None:
    assert report.number(value) == written


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([], 0.99) != percentile([], 0.99)
