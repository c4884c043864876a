"""AutoGen: an assistant that thinks its tool's result over."""

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import ModelInfo, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from weather import KEY, QUESTION, URL, Forecast, get_weather, main

INFO = ModelInfo(
    vision=False, function_calling=True, json_output=True, structured_output=True, family="unknown"
)


async def round_trip(name, stream):
    client = OpenAIChatCompletionClient(model=name, base_url=URL, api_key=KEY, model_info=INFO)
    agent = AssistantAgent(
        "forecaster", client, tools=[get_weather], reflect_on_tool_use=True, model_client_stream=stream
    )
    answer = (await agent.run(task=QUESTION)).messages[-1].content
    await client.close()
    return answer


async def structured(name):
    client = OpenAIChatCompletionClient(model=name, base_url=URL, api_key=KEY, model_info=INFO)
    answer = await client.create([UserMessage(content=QUESTION, source="user")], json_output=Forecast)
    await client.close()
    return Forecast.model_validate_json(answer.content)


main("autogen-ext", round_trip, structured)
