"""openai: its Responses API, the loop as its documentation has it; and parse."""

import json

from openai import OpenAI
from weather import QUESTION, TOOL, Forecast, get_weather, main

client = OpenAI()
tool = {"type": "function", "strict": True, **TOOL["function"]}


def ask(model, given, stream):
    if not stream:
        return client.responses.create(model=model, input=given, tools=[tool])
    with client.responses.stream(model=model, input=given, tools=[tool]) as events:
        return events.get_final_response()


def round_trip(model, stream):
    given = [{"role": "user", "content": QUESTION}]
    first = ask(model, given, stream)
    assert first.status == "completed", first
    given += first.output
    for call in (item for item in first.output if item.type == "function_call"):
        result = get_weather(**json.loads(call.arguments))
        given.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    return ask(model, given, stream).output_text


def structured(model):
    whole = client.responses.parse(model=model, input=QUESTION, text_format=Forecast)
    with client.responses.stream(model=model, input=QUESTION, text_format=Forecast) as events:
        streamed = events.get_final_response()
    assert streamed.output_parsed == whole.output_parsed
    return streamed.output_parsed


main("openai", round_trip, structured)
