"""Jobs that run together, and the semaphore that they share."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from app.greenlets.concurrency import run_together, semaphore

pytestmark = pytest.mark.timeout(20)


class Jobs:
    """Jobs that take a moment each, and what became of them."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.begun: list[int] = []
        self.ended: list[int] = []

    def job(self, number: int, seconds: float = 0.01) -> Callable[[], int]:
        def run() -> int:
            self.begun.append(number)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                gevent.sleep(seconds)
            finally:
                self.under_way -= 1
                self.ended.append(number)
            return number

        return run


def fail() -> int:
    gevent.sleep(0.05)
    raise ValueError("failed")


def test_results_come_in_the_order_of_the_jobs() -> None:
    jobs = Jobs()
    seconds = [0.05, 0.0, 0.03, 0.01, 0.02]
    assert run_together([jobs.job(n, each) for n, each in enumerate(seconds)], 3) == [0, 1, 2, 3, 4]
    assert jobs.ended != [0, 1, 2, 3, 4]


@pytest.mark.parametrize("limit", [1, 3, 8, 100])
def test_no_more_than_the_limit_are_under_way(limit: int) -> None:
    jobs = Jobs()
    run_together([jobs.job(number) for number in range(20)], limit)
    assert jobs.most == min(limit, 20)


def test_no_jobs_bring_nothing() -> None:
    assert run_together([], 8) == []


def test_the_first_error_ends_the_others() -> None:
    jobs = Jobs()
    with pytest.raises(ValueError, match="failed"):
        run_together([jobs.job(0, 60), fail, jobs.job(1, 60), jobs.job(2, 60)], 3)
    gevent.sleep(0.05)
    assert jobs.begun == [0, 1]
    assert jobs.under_way == 0


def test_what_is_done_at_once_and_fails_is_raised() -> None:
    def fail_at_once() -> int:
        raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        run_together([fail_at_once] * 5, 2)


def test_who_kills_the_caller_kills_the_jobs() -> None:
    jobs = Jobs()
    caller = gevent.spawn(run_together, [jobs.job(number, 60) for number in range(6)], 4)
    gevent.sleep(0.05)
    assert jobs.under_way == 4
    caller.kill()
    gevent.sleep(0.05)
    assert jobs.under_way == 0
    assert jobs.begun == [0, 1, 2, 3]


def test_as_many_hold_a_semaphore_as_it_has_places() -> None:
    shared, jobs = semaphore(3), Jobs()

    def job() -> int:
        with shared:
            return jobs.job(0)()

    run_together([job] * 20, 20)
    assert jobs.most == 3


@pytest.mark.parametrize("is_killed_first", [True, False])
def test_a_place_goes_to_the_next_when_the_first_in_the_queue_is_killed(is_killed_first: bool) -> None:
    shared, may_end, has_a_place = semaphore(1), Event(), Event()

    def hold() -> None:
        with shared:
            may_end.wait()

    def take() -> None:
        with shared:
            has_a_place.set()
            gevent.sleep(60)

    def take_next() -> None:
        with shared:
            pass

    holder, first, second = (gevent.spawn(each) for each in (hold, take, take_next))
    gevent.sleep(0.05)
    if is_killed_first:
        first.kill(block=False)
        may_end.set()
    else:
        may_end.set()
        holder.join()
        first.kill(block=False)
    second.join(5)
    assert second.successful()
