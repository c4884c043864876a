"""Completion: one answer from a Conversation to Deltas.

The only place that knows ``poe`` and ``answer`` together. Blocking code, to be run where blocking
costs nobody anything (see ``greenlets``).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from app import errors, rounds
from app.answer.deltas import Delta, Failure, Finish
from app.answer.judges import FittingJson, Judge, RequiredCall
from app.answer.native import NativeCalls
from app.answer.pipeline import Pipeline
from app.answer.tokens import Tokenizer, slices
from app.answer.toolcalls import ToolCalls
from app.attachments.hosting import Hosting
from app.conversation import Conversation
from app.coordination.slots import Slots
from app.errors import ApiError
from app.logs import logger
from app.poe import faults, query
from app.poe.client import PoeClient
from app.poe.events import Done, Error, Event, EventReader
from app.poe.exchange import Exchange, QueryFailed
from app.poe.sse import EventStreamDecoder
from app.structured import prompt
from app.tools import ways
from app.tools.ways import Way
from app.turns import Turns

_RETRY_DELAY_SECONDS = 0.5
_KEY_LENGTH = 8  # anything shorter is no secret, and may be part of any word
_MESSAGE_LIMIT = 2000  # characters of Poe's words that are shown
_DRAIN_SECONDS = 1.0
_ANSWER_LIMIT = 128 * 1024 * 1024  # bytes of events: twice what a million tokens, sent one by one, take


@dataclass
class Trace:
    """What a completion did, for the log; ``headers`` are those of Poe's that the client should see.

    ``attempts`` and ``prompt_tokens`` belong to the last of its ``rounds``. ``errors`` are the codes of
    Poe's failures, including those after which it was asked again; ``waits`` is how long each query
    waited for its slot, in seconds, if queries need one.
    """

    rounds: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    broken_events: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def note(self, error: ApiError) -> None:
        """Remember that Poe has failed."""
        self.errors.append(error.code or error.type)


class _Target(NamedTuple):
    """Whom a completion asks, with which key. ``segment`` is the bot's name in a path."""

    bot: str
    segment: str
    key: str
    way: Way


class Completions:
    """Runs completions against one Poe. ``has_own_key``: the key is the gateway's, not the client's.

    ``slots`` are those of RATE_LIMIT_MS, if it is set; ``waiting`` is how many completions wait for one.
    """

    def __init__(
        self,
        poe: PoeClient,
        hosting: Hosting,
        tokenizer: Tokenizer,
        slots: Slots | None,
        *,
        has_own_key: bool = False,
    ) -> None:
        self._poe = poe
        self._hosting = hosting
        self._slots = slots
        self._tokenizer = tokenizer
        self._has_own_key = has_own_key
        self.waiting = 0

    def run(
        self, conversation: Conversation, bot: str, key: str, trace: Trace, way: Way
    ) -> Generator[Sequence[Delta], None, None]:
        """Upload attachments, ask ``bot``, and yield its answer, a batch for each read that brought any.

        ``way`` is how tools get to the bot. The last batch ends with ``Finish`` or ``Failure``;
        Poe's failures are not raised, but ``ApiError`` is, at once, if no bot can have this name.
        After the last batch the iterator tidies up its connection. Closing it ends the query.
        """
        target = _Target(bot, query.path_segment(bot), key, way)  # raises before anything is uploaded in vain
        try:
            conversation = self._hosting.host(conversation, key)  # lets go of what was uploaded
        except ApiError as refused:
            yield [Failure(self._explained(refused, target))]
            return
        ask = partial(self._ask, target, trace)
        make_judge = _judge(conversation, way)
        if make_judge is not None:
            yield from rounds.judged(ask, conversation, make_judge)
        else:
            yield from ask(conversation)

    def count(self, conversation: Conversation, bot: str, way: Way) -> int:
        """The tokens that ``bot`` would see of ``conversation``, its attachments left out.

        Raises ``ApiError`` (400, 404) if no bot can have this name.
        """
        query.path_segment(bot)
        return self._count_prompt(_prepared(conversation, way, Turns().give))

    def _ask(
        self, target: _Target, trace: Trace, asked: Conversation
    ) -> Generator[Sequence[Delta], None, None]:
        """One round: a query, and its answer."""
        trace.rounds += 1
        turns = Turns()
        conversation = _prepared(asked, target.way, turns.give)
        turns.give()
        body = query.encode(conversation, turns.give)
        turns.give()
        waits = partial(self._wait_for_slot, trace), partial(self._note_prompt, conversation, trace)
        trace.prompt_tokens = 0
        for attempt in (1, 2):
            trace.attempts = attempt
            try:
                with self._poe.ask(target.segment, body, target.key, *waits) as answer:
                    trace.headers = faults.rate_limits(answer.headers)
                    yield from self._follow(answer, self._pipeline(asked, target.way), target, trace)
            except QueryFailed as failed:
                error = failed.error
                trace.note(error)
                if failed.retryable and attempt == 1:
                    time.sleep(_RETRY_DELAY_SECONDS)
                    continue
            except ApiError as fault:
                error = fault
                trace.note(error)
            else:
                return
            yield [Failure(self._explained(error, target))]
            return

    def _wait_for_slot(self, trace: Trace) -> bool:
        """Wait until a query may start; return whether that took any time."""
        slots = self._slots
        if slots is None:
            return False
        slot = slots.reserve()
        trace.waits.append(max(0.0, slot.seconds))
        if slot.seconds <= 0:
            return False
        self.waiting += 1
        try:
            time.sleep(slot.seconds)
        except BaseException:  # the client has left: this is killed while it waits
            slots.give_back(slot)
            raise
        finally:
            self.waiting -= 1
        return True

    def _pipeline(self, asked: Conversation, way: Way) -> Pipeline:
        """The pipeline for one answer, with the stages for calls if there are tools to call."""
        tools, parallel = ways.offered(asked, way), asked.parallel_tool_calls
        return Pipeline(
            self._tokenizer,
            asked.stop,
            asked.max_tokens,
            ToolCalls(tools, _call_id, parallel=parallel) if tools and way == "xml" else None,
            NativeCalls(_call_id, parallel=parallel) if tools else None,
            Turns().give,
        )

    def _follow(
        self, answer: Exchange, pipeline: Pipeline, target: _Target, trace: Trace
    ) -> Iterator[Sequence[Delta]]:
        """Turn the answer's bytes into deltas until it ends, well or not."""
        deltas: Sequence[Delta] = ()
        for events, last in _batches(answer, trace):
            deltas = pipeline.feed(events)
            if pipeline.finish_reason:
                answer.close()  # everything that the bot still writes would cost points
                break
            if isinstance(last, Error):
                error = faults.from_event(last)
                trace.note(error)
                yield [*deltas, Failure(self._explained(error, target))]
                answer.drain(_DRAIN_SECONDS)
                return
            if last:
                deltas = [*deltas, *pipeline.finish()]
                break
            if deltas:
                yield deltas
        usage = pipeline.usage(trace.prompt_tokens)
        yield [*deltas, Finish(pipeline.finish_reason or "stop", usage, pipeline.stop)]
        answer.drain(_DRAIN_SECONDS)

    def _explained(self, error: ApiError, target: _Target) -> ApiError:
        """The same error, without the key, and with the bot's name if there is no such bot."""
        key = target.key
        if self._has_own_key and error.code == "invalid_api_key":
            logger.error("Poe refuses the key in POE_API_KEY")
            return errors.own_key_refused()
        message = error.message.replace(key, "***") if len(key) >= _KEY_LENGTH else error.message
        message = message[:_MESSAGE_LIMIT]
        if error.code == "model_not_found":
            message = f"Poe has no bot named {target.bot[:200]!r}. Poe says: {message}"
        return replace(error, message=message)

    def _note_prompt(self, conversation: Conversation, trace: Trace) -> None:
        """Count the prompt while the bot reads it; only once, even if the query is sent again."""
        trace.prompt_tokens = trace.prompt_tokens or self._count_prompt(conversation)

    def _count_prompt(self, conversation: Conversation) -> int:
        """The tokens that the bot sees. Long prompts are counted with pauses in which others run."""
        count, tokens = self._tokenizer.count, 0
        turns = Turns()
        for piece in (piece for text in query.texts(conversation) for piece in slices(text)):
            tokens += count(piece)
            turns.give()
        return tokens


def _prepared(asked: Conversation, way: Way, give_turn: Callable[[], None]) -> Conversation:
    """The conversation as it goes to the bot, with the instructions on tools and JSON."""
    conversation = ways.prepare(asked, way, give_turn)
    if _must_call(asked, way):
        return conversation
    return prompt.prepare(conversation, may_call=bool(ways.offered(asked, way)))


def _must_call(asked: Conversation, way: Way) -> bool:
    return asked.tool_choice.mode == "required" and bool(ways.offered(asked, way))


def _judge(asked: Conversation, way: Way) -> Callable[[], Judge] | None:
    """A function that makes a judge for each answer, if there is anything to judge."""
    choice, wanted = asked.tool_choice, asked.response_format
    if _must_call(asked, way):
        return lambda: RequiredCall(choice)
    return (lambda: FittingJson(wanted)) if wanted is not None else None


def _call_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def _batches(answer: Exchange, trace: Trace) -> Iterator[tuple[Sequence[Event], Done | Error | None]]:
    """The events of each read, each with the event that ends the answer if it is there."""
    decoder, reader = EventStreamDecoder(), EventReader()
    size = 0
    while True:
        data = answer.read()
        size += len(data)
        if size > _ANSWER_LIMIT:
            raise QueryFailed(errors.bad_upstream(f"Poe's answer is longer than {_ANSWER_LIMIT} bytes."))
        events = reader.read(decoder.feed(data) if data else decoder.finish())
        trace.broken_events = reader.broken
        if events and isinstance(last := events[-1], (Done, Error)):
            yield events[:-1], last
            return
        if not data and not reader.seen:
            raise QueryFailed(errors.bad_upstream("Poe's answer ended without having begun."))
        if not data:
            yield events, Done()
            return
        yield events, None
