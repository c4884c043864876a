"""AG2: an agent by each of the three APIs."""

from ag2 import Agent
from ag2.config import AnthropicConfig, OpenAIConfig, OpenAIResponsesConfig
from weather import KEY, QUESTION, URL, Forecast, get_weather, main


def run(config, url):
    """Do what every program does, with models of this configuration."""

    def model(name, stream=False):
        return config(name, base_url=url, api_key=KEY, streaming=stream)

    async def round_trip(name, stream):
        agent = Agent("forecaster", config=model(name, stream), tools=[get_weather])
        return (await agent.ask(QUESTION)).body

    async def structured(name):
        agent = Agent("forecaster", config=model(name), response_schema=Forecast)
        return await (await agent.ask(QUESTION)).content()

    main("ag2", round_trip, structured)


run(OpenAIConfig, URL)
run(OpenAIResponsesConfig, URL)
run(AnthropicConfig, URL.removesuffix("/v1"))
