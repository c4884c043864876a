"""LangChain's model for Anthropic: an agent, its pieces, and JSON by a schema."""

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from weather import KEY, QUESTION, URL, Forecast, get_weather, main


def model(name):
    return ChatAnthropic(model=name, base_url=URL.removesuffix("/v1"), api_key=KEY)


def round_trip(name, stream):
    agent = create_agent(model(name), tools=[get_weather])
    asked = {"messages": [{"role": "user", "content": QUESTION}]}
    if not stream:
        return agent.invoke(asked)["messages"][-1].text
    pieces = [
        chunk for chunk, _ in agent.stream(asked, stream_mode="messages") if chunk.type == "AIMessageChunk"
    ]
    return "".join(piece.text for piece in pieces)


def structured(name):
    return model(name).with_structured_output(Forecast, method="json_schema").invoke(QUESTION)


main("langchain-anthropic", round_trip, structured)
