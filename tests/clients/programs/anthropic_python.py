"""anthropic: its stream helper, and the loop as its documentation has it."""

import os

from anthropic import Anthropic, transform_schema
from weather import KEY, QUESTION, TOOL, Forecast, get_weather, main

client = Anthropic(api_key=KEY, base_url=os.environ["OPENAI_BASE_URL"].removesuffix("/v1"))

function = TOOL["function"]
TOOLS = [
    {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }
]


def ask(model, messages, stream, **fields):
    asked = {"model": model, "messages": messages, "max_tokens": 2000, **fields}
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as events:
        names = [event.type for event in events]
    assert {"message_start", "content_block_stop", "message_stop"} <= set(names), names
    return events.get_final_message()


def round_trip(model, stream):
    messages = [{"role": "user", "content": QUESTION}]
    first = ask(model, messages, stream, tools=TOOLS)
    assert first.stop_reason == "tool_use", first
    counted = client.messages.count_tokens(model=model, messages=messages, tools=TOOLS)
    assert counted.input_tokens == first.usage.input_tokens, (counted, first.usage)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": get_weather(**block.input)}
        for block in first.content
        if block.type == "tool_use"
    ]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = ask(model, messages, stream, tools=TOOLS)
    assert second.stop_reason == "end_turn", second
    return second.content[0].text


def structured(model):
    wanted = {"format": {"type": "json_schema", "schema": transform_schema(Forecast)}}
    messages = [{"role": "user", "content": QUESTION}]
    whole = ask(model, messages, stream=False, output_config=wanted).content[0].text
    streamed = ask(model, messages, stream=True, output_config=wanted).content[0].text
    assert streamed == whole
    return Forecast.model_validate_json(streamed)


main("anthropic", round_trip, structured)
