"""Results: what came of a tool's call, as clients write it into a conversation."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Meta

# Of a union that ``usual`` makes of any JSON, for the API's description.
ANY_JSON = Meta(description="Of a tool, any JSON.", extra_json_schema={"x-any-json": True})
FAILED = "The tool failed:"  # stands before what a failed call brought


def usual(content: Any) -> Any:
    """Text, a list of parts and null as they are, and as JSON whatever else a tool may have brought."""
    if content is None or isinstance(content, str) or (isinstance(content, list) and _may_be_parts(content)):
        return content
    return msgspec.json.encode(content).decode()


def _may_be_parts(content: list[Any]) -> bool:
    return all(isinstance(each, str) or (isinstance(each, dict) and _may_be_part(each)) for each in content)


def _may_be_part(value: dict[str, Any]) -> bool:
    return "type" in value or "text" in value
