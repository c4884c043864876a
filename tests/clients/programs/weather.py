"""What every program does: one question that only a tool can answer, whole and streamed.

The environment says where: OPENAI_BASE_URL, OPENAI_API_KEY, MODELS (bots, by spaces).
"""

import asyncio
import inspect
import os
import sys
from importlib.metadata import version

URL = os.environ["OPENAI_BASE_URL"]
KEY = os.environ["OPENAI_API_KEY"]
MODELS = os.environ["MODELS"].split()
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

called = []


def get_weather(city: str, days: int) -> str:
    """Tells the weather of a city.

    Args:
        city: The city.
        days: How many days from today.
    """
    called.append((city, days))
    return f"{days} days of drizzle in {city}, 17 degrees"


def main(package, round_trip, *, streams=(False, True)):
    """Run ``round_trip(model, stream)``, which returns the answer, for all that there is."""
    sys.stdout.write(f"version {package} {version(package)}\n")
    for model in MODELS:
        for stream in streams:
            how = f"{model} {'streamed' if stream else 'whole'}"
            called.clear()
            answer = round_trip(model, stream)
            if inspect.isawaitable(answer):
                answer = asyncio.run(_awaited(answer))
            assert called == [("Reykjavik", 3)], f"{how}: called {called}"
            assert ANSWER in (answer or ""), f"{how}: answered {answer!r}"
            sys.stdout.write(f"ok {how}\n")


async def _awaited(answer):
    return await answer
