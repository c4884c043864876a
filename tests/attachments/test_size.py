"""What large attachments cost, and their limit."""

from __future__ import annotations

from pathlib import Path

from tests.attachments.parts import PNG, attached, data_url, image, random_image, told
from tests.conftest import StartGateway
from tests.gateway import Gateway, eventually
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import Bot
from tests.upstream.uploads import UploadServer


def test_a_large_image_costs_no_more_than_four_times_its_size(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, WEB_CONCURRENCY="1")
    attached(gateway, image(data_url(PNG)))
    size = 20_000_000
    worker = eventually(lambda: children(gateway.process.pid))[0]
    before = memory(worker, "VmRSS")
    attached(gateway, image(data_url(random_image(size))))
    assert memory(worker, "VmHWM") - before <= 4 * size
    assert uploads.uploads[-1].size == size + len(PNG)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory(pid: int, field: str) -> int:
    """Bytes of a process: ``VmRSS`` now, ``VmHWM`` at the highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def test_a_body_over_the_bound_is_a_413(gateway: Gateway, bot: Bot) -> None:
    told(gateway.ask(bot.name, [image(data_url(random_image(1024 * 1024)))]), 413, "payload_too_large")
