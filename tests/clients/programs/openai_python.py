"""openai: its stream helper, and the loop as its documentation has it."""

import json

from openai import OpenAI
from weather import FORMAT, QUESTION, TOOL, Forecast, get_weather, main

client = OpenAI()


def ask(model, messages, stream):
    if not stream:
        return client.chat.completions.create(model=model, messages=messages, tools=[TOOL]).choices[0]
    with client.chat.completions.stream(model=model, messages=messages, tools=[TOOL]) as events:
        names = [event.type for event in events]
    choice = events.get_final_completion().choices[0]
    wanted = "tool_calls.function.arguments.done" if choice.message.tool_calls else "content.done"
    assert wanted in names, names
    return choice


def round_trip(model, stream):
    messages = [{"role": "user", "content": QUESTION}]
    first = ask(model, messages, stream)
    assert first.finish_reason == "tool_calls", first
    messages.append(first.message.model_dump(exclude_none=True))
    for call in first.message.tool_calls:
        result = get_weather(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    second = ask(model, messages, stream)
    assert second.finish_reason == "stop", second
    return second.message.content


def structured(model):
    messages = [{"role": "user", "content": QUESTION}]
    whole = client.chat.completions.create(model=model, messages=messages, response_format=FORMAT)
    chunks = client.chat.completions.create(
        model=model, messages=messages, response_format=FORMAT, stream=True
    )
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert streamed == whole.choices[0].message.content
    return Forecast.model_validate_json(streamed)


main("openai", round_trip, structured)
