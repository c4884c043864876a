"""mirascope: the loop as its documentation has it, streamed too; and its format in the mode strict."""

from mirascope import llm
from weather import KEY, QUESTION, URL, Forecast, get_weather, main

llm.register_provider("openai:completions", scope="openai/", base_url=URL, api_key=KEY)
tools = [llm.tool(get_weather)]


def round_trip(model, stream):
    @llm.call(f"openai/{model}", tools=tools)
    def ask():
        return QUESTION

    response = ask.stream() if stream else ask()
    while True:
        if stream:
            response.finish()
        if not response.tool_calls:
            return response.text()
        response = response.resume(response.execute_tools())


def structured(model):
    @llm.call(f"openai/{model}", format=llm.format(Forecast, mode="strict"))
    def ask():
        return QUESTION

    return ask().parse()


main("mirascope", round_trip, structured)
