"""A link under gevent: ``python -m tests.coordination.killed WHAT URL`` prints the outcome as JSON."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

from app.coordination.redis.link import Link, Unavailable  # noqa: E402
from app.greenlets.concurrency import semaphore  # noqa: E402


def ask(link: Link, question: bytes, answers: list[tuple[bytes, bytes]]) -> None:
    while True:
        answers.append((question, link.run(lambda: link.client.echo(question))))


def kill_some(url: str) -> dict[str, object]:
    """Greenlets that keep asking, most of which are killed at any moment."""
    link = Link(url, semaphore(4))
    answers: list[tuple[bytes, bytes]] = []
    for number in range(300):
        asking = [gevent.spawn(ask, link, b"%d %d" % (number, each), answers) for each in range(8)]
        gevent.sleep(random.uniform(0, 0.004))
        gevent.killall(asking, block=False)
    gevent.sleep(0.1)
    last = link.run(lambda: link.client.echo(b"last"))
    wrong = [answer for answer in answers if answer[0] != answer[1]]
    pool = link.client.connection_pool
    return {
        "answers": len(answers),
        "wrong": len(wrong),
        "last": last.decode(),
        "in use": len(pool._in_use_connections),
        "connections": len(pool._available_connections),
    }


def wait(url: str) -> dict[str, object]:
    """How long commands to a silent Redis wait, and whether others run meanwhile."""
    link = Link(url, semaphore(4))
    waits: list[float] = []
    turns = 0

    def wait_once() -> None:
        began = time.monotonic()
        try:
            link.run(link.client.ping)
        except Unavailable:
            waits.append(time.monotonic() - began)

    waiting = [gevent.spawn(wait_once) for _ in range(50)]
    while not gevent.joinall(waiting, timeout=0) or len(waits) < len(waiting):
        gevent.sleep(0.01)
        turns += 1
    later = len(waits)
    for _ in range(50):
        wait_once()
    return {"longest": max(waits), "longest later": max(waits[later:]), "waits": len(waits), "turns": turns}


if __name__ == "__main__":
    what = {"kill": kill_some, "wait": wait}[sys.argv[1]]
    sys.stdout.write(json.dumps(what(sys.argv[2])))
