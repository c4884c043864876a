"""Openings: where a call begins, and in which of the forms that models write.

In wrappers or none (``<tool_call>``, ``<function_calls>``, ``<tool_calls>``), in a fence that says
``xml`` or ``json`` or none:

* ``<invoke name="NAME">``, also ``tool`` or ``function`` instead of ``invoke``; ``<function=NAME>``
* ``<NAME>``, as Cline has it
* JSON, in a wrapper or a fence only

A tag alone is a mention, not a call: behind it must stand a parameter, a JSON object, or its end.
Only offered tools are called; their names are compared to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from msgspec import Struct

from app.conversation import Tool
from app.tools.calls import Call, Parameter
from app.tools.flowing import Flowing
from app.tools.objects import ObjectCall, may_call, object_arguments, object_call
from app.tools.tags import (
    UNDECIDED,
    MaybeEnd,
    Tag,
    Undecided,
    closing_tag,
    may_open,
    opening_tag,
    space_end,
    with_prefix_of,
)
from app.tools.values import property_names

WRAPPERS = frozenset(("tool_call", "tool_calls", "function_call", "function_calls"))
_CALLS = frozenset(("invoke", "tool", "function", "tool_call"))
_AROUND_LIMIT = 4  # wrappers and fences around a call; of plain wrappers as many at once
_PLAIN = re.compile(rf"(?:<(?:{'|'.join(sorted(WRAPPERS))})>\s{{0,1024}}){{1,4}}")
_FENCES = ("xml", "json", "tool_call", "tool_calls", "function_calls")
_FENCE = re.compile(rf"`{{3,32}}[ \t]{{0,16}}({'|'.join(_FENCES)})?[ \t\r]{{0,16}}\n", re.IGNORECASE)
_FENCE_BEGUN = re.compile(r"(?:`{1,32}|`{3,32}[ \t]{0,16}([A-Za-z_]{0,16})[ \t\r]{0,16})\Z")
_BEHIND_OBJECT = "`,]"  # in a fence
_OBJECT = re.compile(r"(?:\[\s{0,1024})?\{")
_OBJECT_BEGUN = re.compile(r"\[\s{0,1024}\Z")


class Around(Struct, frozen=True):
    """What is open around a call: a wrapper, a fence, the closing tags of the wrappers."""

    is_wrapped: bool = False
    is_fenced: bool = False
    closing: frozenset[str] = WRAPPERS

    @property
    def is_any(self) -> bool:
        return self.is_wrapped or self.is_fenced

    def wrapped(self, closing: frozenset[str]) -> Around:
        """The same with one more wrapper, after which ``closing`` may close all of them."""
        if self.is_wrapped and closing is self.closing:
            return self
        return Around(is_wrapped=True, is_fenced=self.is_fenced, closing=closing)


class TagOpening(Struct, frozen=True):
    """A call in tags. ``end`` is where its parameters begin; ``is_over``: there are none."""

    call: Call
    around: Around
    is_over: bool
    end: int


class ObjectOpening(Struct, frozen=True):
    """A call in JSON, which begins at ``end``. ``call``: the object is its arguments alone."""

    call: Call | None
    around: Around
    end: int

    @property
    def is_strict(self) -> bool:
        """Whether nothing but a fence says that the object is a call."""
        return self.call is None and not self.around.is_wrapped

    def may_call(self, beginning: str, names: Container[str]) -> bool:
        """Whether an object with this beginning may be a call."""
        return self.call is not None or may_call(beginning, names, is_strict=self.is_strict)

    def called(self, text: str, names: Container[str]) -> ObjectCall | None:
        """The call that the object is, if it is one."""
        if self.call is None:
            return object_call(text, names, is_strict=self.is_strict)
        arguments = object_arguments(text)
        return None if arguments is None else ObjectCall(self.call.tool.name, arguments)

    def flowing(self, text: str, names: Container[str]) -> Flowing | None:
        """The object that begins with ``text``, if that is certainly a call whose arguments have begun."""
        if self.is_strict:
            return None
        flowing = Flowing(self.call.tool.name if self.call else None)
        flowing.feed(text, 0)
        return flowing if flowing.has_arguments and not flowing.is_broken and flowing.name in names else None

    def closing(self, text: str, position: int) -> MaybeEnd:
        """Where the text that must follow the object ends."""
        if self.call is None and self.around.is_wrapped:
            return position
        behind = space_end(text, position)
        if behind == len(text):
            return UNDECIDED
        if self.call is None:
            return behind if text[behind] in _BEHIND_OBJECT else None
        end = self.call.closing(text, behind)
        if end is not None or not self.around.is_wrapped:
            return end
        last = closing_tag(text, behind, self.around.closing)
        return behind if isinstance(last, int) else last


Opening = TagOpening | ObjectOpening


class Openings:
    """Recognises calls of the offered tools."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools
        self._keys = {name: property_names(tool.parameters) for name, tool in tools.items()}
        self._kinds = WRAPPERS | _CALLS | tools.keys()

    def may_begin(self, text: str, position: int) -> bool:
        """Whether a call may begin with the sign at ``position``, if nothing is open around it."""
        return text[position] != "<" or may_open(text, position, self._kinds)

    def read(
        self, text: str, position: int, around: Around, *, is_line_start: bool, is_last: bool
    ) -> Opening | Undecided | None:
        """The call that begins at ``position``, with what is open around it.

        ``around`` was opened before. ``is_line_start``: nothing precedes it in its line.
        ``is_last``: no more text comes.
        """
        for _ in range(_AROUND_LIMIT):
            entered = self._enter(text, position, around)
            if entered is UNDECIDED:
                return UNDECIDED
            if entered is None:
                break
            around, position = entered
            if position == len(text):
                return UNDECIDED
        tag = opening_tag(text, position, self._kinds)
        if isinstance(tag, Tag):
            is_alone = is_line_start or around.is_any
            return self._tagged(text, tag, around, is_alone=is_alone, is_last=is_last)
        if tag is UNDECIDED or not around.is_any:
            return tag
        if begin := _OBJECT.match(text, position):
            return ObjectOpening(None, around, begin.end() - 1)
        return UNDECIDED if _OBJECT_BEGUN.match(text, position) else None

    def _enter(self, text: str, position: int, around: Around) -> tuple[Around, int] | Undecided | None:
        """What is opened around a call at ``position``, and where the text after it begins."""
        if text.startswith("`", position):
            fence = _FENCE.match(text, position)
            if fence:
                is_telling = fence[1] is not None or around.is_wrapped
                entered = Around(is_wrapped=around.is_wrapped, is_fenced=True, closing=around.closing)
                return (entered, space_end(text, fence.end())) if is_telling else None
            begun = _FENCE_BEGUN.match(text, position)
            info = (begun[1] or "").lower() if begun else "?"
            return UNDECIDED if any(each.startswith(info) for each in _FENCES) else None
        if plain := _PLAIN.match(text, position):
            return around.wrapped(around.closing), plain.end()
        tag = opening_tag(text, position, WRAPPERS)
        if not isinstance(tag, Tag) or tag.value is not None or tag.is_empty:
            return None
        closing = around.closing | with_prefix_of(tag.name, tag.kind)
        return around.wrapped(closing), space_end(text, tag.end)

    def _tagged(
        self, text: str, tag: Tag, around: Around, *, is_alone: bool, is_last: bool
    ) -> Opening | Undecided | None:
        """The call that ``tag`` opens, if what follows it shows that it is one.

        ``is_alone``: the tag cannot be a word of a sentence.
        """
        is_named_by_tool = tag.value is None
        tool = self._tools.get(tag.kind if tag.value is None else tag.value)
        if tool is None or (tag.value is not None and tag.kind not in _CALLS):
            return None
        call = Call(tool, self._keys[tool.name], tag, around.closing)
        if tag.is_empty:
            is_call = is_alone or not is_named_by_tool
            return TagOpening(call, around, is_over=True, end=tag.end) if is_call else None
        opening = TagOpening(call, around, is_over=False, end=tag.end)
        behind = space_end(text, tag.end)
        if text.startswith("{", behind):
            return ObjectOpening(call, around, behind)
        parameter = call.parameter(text, behind)
        if isinstance(parameter, Parameter):
            return opening
        end = closing_tag(text, behind, around.closing) if around.is_wrapped else None
        ends = (call.closing(text, behind), end)
        if any(isinstance(each, int) for each in ends):
            return opening if is_alone or not is_named_by_tool else None
        if behind < len(text) and parameter is None and UNDECIDED not in ends:
            return None
        if not is_last:
            return UNDECIDED
        return opening if around.is_any or (is_alone and not is_named_by_tool) else None
