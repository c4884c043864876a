"""The round trip of LangChain's agent, whichever model it has."""

from langchain.agents import create_agent
from weather import QUESTION, get_weather


def agent_round_trip(model, stream):
    agent = create_agent(model, tools=[get_weather])
    asked = {"messages": [{"role": "user", "content": QUESTION}]}
    if not stream:
        return agent.invoke(asked)["messages"][-1].text
    pieces = [
        chunk for chunk, _ in agent.stream(asked, stream_mode="messages") if chunk.type == "AIMessageChunk"
    ]
    return "".join(piece.text for piece in pieces)
