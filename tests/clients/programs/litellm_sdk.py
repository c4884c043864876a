"""LiteLLM: its SDK, with the chunks put together by its own builder."""

import json

import litellm
from weather import FORMAT, KEY, QUESTION, TOOL, URL, Forecast, get_weather, main


def round_trip(model, stream):
    messages = [{"role": "user", "content": QUESTION}]
    first = ask(model, messages, stream)
    messages.append(first.model_dump())
    for call in first.tool_calls:
        result = get_weather(**json.loads(call.function.arguments))
        messages.append(
            {"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": result}
        )
    return ask(model, messages, stream).content


def ask(model, messages, stream):
    where = {"api_base": URL, "api_key": KEY}
    answer = litellm.completion(f"openai/{model}", messages=messages, tools=[TOOL], stream=stream, **where)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer), messages=messages)
    return answer.choices[0].message


def structured(model):
    answer = litellm.completion(
        f"openai/{model}",
        messages=[{"role": "user", "content": QUESTION}],
        response_format=FORMAT,
        api_base=URL,
        api_key=KEY,
    )
    return Forecast.model_validate_json(answer.choices[0].message.content)


main("litellm", round_trip, structured)
