"""smolagents: an agent that acts by tool calls, and that must call a tool of its own to end."""

from smolagents import OpenAIModel, ToolCallingAgent, tool
from weather import FORMAT, KEY, QUESTION, URL, Forecast, get_weather, main

weather = tool(get_weather)


def round_trip(name, stream):
    model = OpenAIModel(name, api_base=URL, api_key=KEY)
    agent = ToolCallingAgent(
        tools=[weather], model=model, max_steps=4, verbosity_level=0, stream_outputs=stream
    )
    return str(agent.run(QUESTION))


def structured(name):
    model = OpenAIModel(name, api_base=URL, api_key=KEY)
    answer = model.generate([{"role": "user", "content": QUESTION}], response_format=FORMAT)
    return Forecast.model_validate_json(answer.content)


main("smolagents", round_trip, structured)
