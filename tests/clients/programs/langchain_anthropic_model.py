"""LangChain's model for Anthropic: an agent, its pieces, and JSON by a schema."""

from langchain_anthropic import ChatAnthropic
from langchain_trip import agent_round_trip
from weather import KEY, QUESTION, URL, Forecast, main


def model(name):
    return ChatAnthropic(model=name, base_url=URL.removesuffix("/v1"), api_key=KEY)


def round_trip(name, stream):
    return agent_round_trip(model(name), stream)


def structured(name):
    return model(name).with_structured_output(Forecast, method="json_schema").invoke(QUESTION)


main("langchain-anthropic", round_trip, structured)
