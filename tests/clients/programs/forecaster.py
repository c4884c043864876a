"""What the programs on OpenAI Agents have in common: an agent, whose model is theirs."""

from agents import Agent, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from weather import QUESTION, Forecast, get_weather, main

set_tracing_disabled(True)


def run(model_type):
    """Do what every program does, on models of this type."""

    def agent(name, **more):
        model = model_type(model=name, openai_client=AsyncOpenAI())
        return Agent(name="forecaster", model=model, **more)

    async def round_trip(name, stream):
        asked = agent(name, tools=[function_tool(get_weather)])
        if not stream:
            return (await Runner.run(asked, QUESTION)).final_output
        answering = Runner.run_streamed(asked, QUESTION)
        async for _ in answering.stream_events():
            pass
        return answering.final_output

    async def structured(name):
        return (await Runner.run(agent(name, output_type=Forecast), QUESTION)).final_output

    main("openai-agents", round_trip, structured)
