"""The soak's own arithmetic, and that it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from soak import picture
from soak.samples import Sample, growths
from tests.gateway import ROOT, environment

FLAT = [Sample(float(second), second * 10, 0, 200_000_000, 50, 2, (11, 12)) for second in range(40)]


def test_what_is_flat_is_called_so() -> None:
    assert growths(FLAT) == []


def test_warming_up_is_no_growth() -> None:
    assert (
        growths([replace(each, resident=100_000_000, descriptors=5) for each in FLAT[:10]] + FLAT[10:]) == []
    )


@pytest.mark.parametrize(
    ("grown", "named"),
    [
        (lambda each: replace(each, resident=each.resident + 2_000_000 * int(each.seconds)), "memory"),
        (lambda each: replace(each, descriptors=50 + int(each.seconds)), "descriptors"),
        (lambda each: replace(each, threads=2 + int(each.seconds) // 10), "threads"),
        (lambda each: replace(each, workers=(11, 12 if each.seconds < 20 else 13)), "worker"),
    ],
)
def test_what_grows_is_named(grown: Callable[[Sample], Sample], named: str) -> None:
    (found,) = growths([grown(each) for each in FLAT])
    assert named in found


def test_the_picture_is_one() -> None:
    drawn = ET.fromstring(picture.draw(FLAT))
    lines = [each.attrib["points"].split() for each in drawn if each.tag.endswith("polyline")]
    assert [len(line) for line in lines] == [len(FLAT)] * 3


def test_every_kind_of_request_ends_as_it_should() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "soak", "6"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "verdict" in run.stdout, run.stdout + run.stderr
    assert "WRONG" not in run.stdout, run.stdout
    assert "traceback" not in run.stdout, run.stdout
    for kind in ("whole", "stream", "attachment", "tools", "models", "fault"):
        assert kind in run.stdout, run.stdout
