"""Agno: an agent on its OpenAI chat model."""

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from weather import KEY, QUESTION, URL, Forecast, get_weather, main


def round_trip(name, stream):
    agent = Agent(model=OpenAIChat(id=name, base_url=URL, api_key=KEY), tools=[get_weather], telemetry=False)
    if not stream:
        return agent.run(QUESTION).content
    return "".join(
        event.content or "" for event in agent.run(QUESTION, stream=True) if event.event == "RunContent"
    )


def structured(name):
    agent = Agent(
        model=OpenAIChat(id=name, base_url=URL, api_key=KEY), output_schema=Forecast, telemetry=False
    )
    return agent.run(QUESTION).content


main("agno", round_trip, structured)
