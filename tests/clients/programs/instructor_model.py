"""Instructor: the arguments of a call as a model, whole and while they stream."""

import instructor
from openai import OpenAI
from weather import QUESTION, Forecast, get_weather, main


def round_trip(name, stream):
    client = instructor.from_openai(OpenAI(), mode=instructor.Mode.TOOLS)
    asked = {"model": name, "messages": [{"role": "user", "content": QUESTION}], "response_model": Forecast}
    if stream:
        *_, wanted = client.chat.completions.create_partial(**asked)
    else:
        wanted, completion = client.chat.completions.create_with_completion(**asked)
        assert completion.choices[0].message.tool_calls
    return get_weather(wanted.city, wanted.days)


def structured(name):
    client = instructor.from_openai(OpenAI(), mode=instructor.Mode.JSON_SCHEMA)
    messages = [{"role": "user", "content": QUESTION}]
    return client.chat.completions.create(model=name, messages=messages, response_model=Forecast)


main("instructor", round_trip, structured)
