"""LangChain's model for Azure, which names what is asked in the path alone."""

from langchain.agents import create_agent
from langchain_openai import AzureChatOpenAI
from weather import KEY, QUESTION, URL, Forecast, get_weather, main


def model(name):
    endpoint = URL.removesuffix("/v1")
    return AzureChatOpenAI(
        azure_endpoint=endpoint, azure_deployment=name, api_version="2024-10-21", api_key=KEY
    )


def round_trip(name, stream):
    agent = create_agent(model(name), tools=[get_weather])
    asked = {"messages": [{"role": "user", "content": QUESTION}]}
    if not stream:
        return agent.invoke(asked)["messages"][-1].content
    pieces = [
        chunk for chunk, _ in agent.stream(asked, stream_mode="messages") if chunk.type == "AIMessageChunk"
    ]
    return "".join(piece.content for piece in pieces)


def structured(name):
    return model(name).with_structured_output(Forecast, method="json_schema").invoke(QUESTION)


main("langchain-openai", round_trip, structured)
