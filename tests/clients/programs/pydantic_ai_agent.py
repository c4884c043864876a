"""Pydantic AI: an agent on its chat model, and its events."""

from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from weather import QUESTION, Forecast, get_weather, main


async def round_trip(name, stream):
    agent = Agent(OpenAIChatModel(name), tools=[get_weather])
    kinds = set()

    async def watch(_, events):
        async for event in events:
            kinds.add(event.event_kind)

    answer = (await agent.run(QUESTION, event_stream_handler=watch if stream else None)).output
    assert not stream or {"part_delta", "function_tool_call", "function_tool_result"} <= kinds, kinds
    return answer


async def structured(name):
    agent = Agent(OpenAIChatModel(name), output_type=NativeOutput(Forecast))
    return (await agent.run(QUESTION)).output


main("pydantic-ai-slim", round_trip, structured)
