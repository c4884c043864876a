"""openai: parse, with the tool out of a pydantic model, and its asynchronous client."""

from openai import AsyncOpenAI, pydantic_function_tool
from pydantic import BaseModel
from weather import QUESTION, Forecast, get_weather, main


class GetWeather(BaseModel):
    """Tells the weather of a city."""

    city: str
    days: int


TOOLS = [pydantic_function_tool(GetWeather, name="get_weather")]


async def round_trip(model, stream):
    async with AsyncOpenAI() as client:
        messages = [{"role": "user", "content": QUESTION}]
        first = await ask(client, model, messages, stream)
        messages.append(first.to_dict(mode="json") | {"parsed": None})
        for call in first.tool_calls:
            wanted = call.function.parsed_arguments
            assert isinstance(wanted, GetWeather)
            result = get_weather(wanted.city, wanted.days)
            messages.append(
                {"role": "tool", "tool_call_id": call.id, "content": [{"type": "text", "text": result}]}
            )
        return (await ask(client, model, messages, stream)).content


async def ask(client, model, messages, stream):
    if not stream:
        return (
            (await client.chat.completions.parse(model=model, messages=messages, tools=TOOLS))
            .choices[0]
            .message
        )
    async with client.chat.completions.stream(model=model, messages=messages, tools=TOOLS) as events:
        return (await events.get_final_completion()).choices[0].message


async def structured(model):
    asked = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "response_format": Forecast}
    async with AsyncOpenAI() as client:
        whole = (await client.chat.completions.parse(**asked)).choices[0].message.parsed
        async with client.chat.completions.stream(**asked) as events:
            streamed = (await events.get_final_completion()).choices[0].message.parsed
    assert streamed == whole
    return streamed


main("openai", round_trip, structured)
