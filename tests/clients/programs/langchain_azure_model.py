"""LangChain's model for Azure, which names what is asked in the path alone."""

from langchain_openai import AzureChatOpenAI
from langchain_trip import agent_round_trip
from weather import KEY, QUESTION, URL, Forecast, main


def model(name):
    endpoint = URL.removesuffix("/v1")
    return AzureChatOpenAI(
        azure_endpoint=endpoint, azure_deployment=name, api_version="2024-10-21", api_key=KEY
    )


def round_trip(name, stream):
    return agent_round_trip(model(name), stream)


def structured(name):
    return model(name).with_structured_output(Forecast, method="json_schema").invoke(QUESTION)


main("langchain-openai", round_trip, structured)
