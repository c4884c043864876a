"""What the fuzzer has found, and variations of it by Hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import inputs
from tests.fuzz.targets import TARGETS

CORPUS = [(target, path) for target in TARGETS for path in inputs(target)]


@pytest.mark.parametrize(("target", "path"), CORPUS, ids=[f"{name}-{path.name}" for name, path in CORPUS])
def test_the_corpus_breaks_nothing(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_that_is_spliced_of_it_breaks_anything(target: str) -> None:
    seeds = st.sampled_from([path.read_bytes() for path in inputs(target)])

    @given(seeds, seeds, st.integers(0, 400), st.integers(0, 400), st.binary(max_size=8))
    def splice(one: bytes, other: bytes, end: int, start: int, between: bytes) -> None:
        TARGETS[target](one[:end] + between + other[start:])

    splice()


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for _, path in CORPUS} == set(TARGETS)
