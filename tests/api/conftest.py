"""A bot that answers whatever it is asked."""

from __future__ import annotations

import pytest

from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, text


@pytest.fixture
def bot(upstream: ScriptedUpstream) -> Bot:
    return upstream.bot(answer(text("fine"), DONE))
