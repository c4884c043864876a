"""OpenAI Agents: an agent on the model that is its default, that of the Responses API."""

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from weather import QUESTION, Forecast, get_weather, main

set_tracing_disabled(True)


async def round_trip(name, stream):
    model = OpenAIResponsesModel(model=name, openai_client=AsyncOpenAI())
    agent = Agent(name="forecaster", model=model, tools=[function_tool(get_weather)])
    if not stream:
        return (await Runner.run(agent, QUESTION)).final_output
    run = Runner.run_streamed(agent, QUESTION)
    async for _ in run.stream_events():
        pass
    return run.final_output


async def structured(name):
    model = OpenAIResponsesModel(model=name, openai_client=AsyncOpenAI())
    agent = Agent(name="forecaster", model=model, output_type=Forecast)
    return (await Runner.run(agent, QUESTION)).final_output


main("openai-agents", round_trip, structured)
