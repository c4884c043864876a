"""Haystack: its agent on its OpenAI chat generator."""

from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from weather import QUESTION, URL, Forecast, get_weather, main

weather = create_tool_from_function(get_weather)


def round_trip(name, stream):
    pieces = []
    agent = Agent(
        chat_generator=OpenAIChatGenerator(model=name, api_base_url=URL),
        tools=[weather],
        streaming_callback=pieces.append if stream else None,
    )
    answer = agent.run(messages=[ChatMessage.from_user(QUESTION)])["messages"][-1].text
    assert bool(pieces) == stream
    return answer


def structured(name):
    generator = OpenAIChatGenerator(
        model=name, api_base_url=URL, generation_kwargs={"response_format": Forecast}
    )
    return Forecast.model_validate_json(generator.run([ChatMessage.from_user(QUESTION)])["replies"][0].text)


main("haystack-ai", round_trip, structured)
