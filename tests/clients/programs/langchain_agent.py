"""LangChain: an agent of its own."""

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_openai import ChatOpenAI
from langchain_trip import agent_round_trip
from weather import QUESTION, Forecast, main


def round_trip(name, stream):
    return agent_round_trip(ChatOpenAI(model=name), stream)


def structured(name):
    agent = create_agent(ChatOpenAI(model=name), tools=[], response_format=ProviderStrategy(Forecast))
    return agent.invoke({"messages": [{"role": "user", "content": QUESTION}]})["structured_response"]


main("langchain", round_trip, structured)
