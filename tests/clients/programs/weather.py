"""What every program does: one question that only a tool can answer, whole and streamed; one that wants JSON.

The environment says where: OPENAI_BASE_URL, OPENAI_API_KEY, and the bots, by spaces: MODELS have tools,
WRITERS answer with JSON.
"""

import asyncio
import inspect
import os
import sys
from importlib.metadata import version

from pydantic import BaseModel

URL = os.environ["OPENAI_BASE_URL"]
KEY = os.environ["OPENAI_API_KEY"]
MODELS = os.environ["MODELS"].split()
WRITERS = os.environ["WRITERS"].split()
QUESTION = "How will the weather in Reykjavik be over the next 3 days?"
ANSWER = "3 days of drizzle in Reykjavik, 17 degrees"

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


class Forecast(BaseModel):
    """What is wanted as JSON."""

    city: str
    days: int


FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "Forecast",
        "strict": True,
        "schema": Forecast.model_json_schema() | {"additionalProperties": False},
    },
}

called = []


def get_weather(city: str, days: int) -> str:
    """Tells the weather of a city.

    Args:
        city: The city.
        days: How many days from today.
    """
    called.append((city, days))
    return f"{days} days of drizzle in {city}, 17 degrees"


def main(package, round_trip, structured, *, streams=(False, True)):
    """Run ``round_trip(model, stream)``, which returns the answer, for all that there is.

    ``structured(model)`` returns the ``Forecast`` that a bot has written.
    """
    sys.stdout.write(f"version {package} {version(package)}\n")
    for model in MODELS:
        for stream in streams:
            how = f"{model} {'streamed' if stream else 'whole'}"
            called.clear()
            answer = settled(round_trip(model, stream))
            assert called == [("Reykjavik", 3)], f"{how}: called {called}"
            assert ANSWER in (answer or ""), f"{how}: answered {answer!r}"
            sys.stdout.write(f"ok {how}\n")
    for model in WRITERS:
        forecast = settled(structured(model))
        assert isinstance(forecast, Forecast), f"{model}: wrote {forecast!r}"
        sys.stdout.write(f"ok {model} structured\n")


def settled(answer):
    """The same, but waited for."""
    return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer):
    return await answer
