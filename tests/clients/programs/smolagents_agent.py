"""smolagents: an agent that acts by tool calls, and that must call a tool of its own to end."""

from smolagents import OpenAIModel, ToolCallingAgent, tool
from weather import KEY, QUESTION, URL, get_weather, main

weather = tool(get_weather)


def round_trip(name, stream):
    model = OpenAIModel(name, api_base=URL, api_key=KEY)
    agent = ToolCallingAgent(
        tools=[weather], model=model, max_steps=4, verbosity_level=0, stream_outputs=stream
    )
    return str(agent.run(QUESTION))


main("smolagents", round_trip)
