"""LangChain: an agent of its own."""

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_openai import ChatOpenAI
from weather import QUESTION, Forecast, get_weather, main


def round_trip(name, stream):
    agent = create_agent(ChatOpenAI(model=name), tools=[get_weather])
    asked = {"messages": [{"role": "user", "content": QUESTION}]}
    if not stream:
        return agent.invoke(asked)["messages"][-1].content
    pieces = [
        chunk for chunk, _ in agent.stream(asked, stream_mode="messages") if chunk.type == "AIMessageChunk"
    ]
    return "".join(piece.content for piece in pieces)


def structured(name):
    agent = create_agent(ChatOpenAI(model=name), tools=[], response_format=ProviderStrategy(Forecast))
    return agent.invoke({"messages": [{"role": "user", "content": QUESTION}]})["structured_response"]


main("langchain", round_trip, structured)
