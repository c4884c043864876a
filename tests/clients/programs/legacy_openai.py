"""openai 0.28, which much old code still uses: functions, and the module's own settings."""

import json

import openai
from weather import FORMAT, KEY, QUESTION, TOOL, URL, Forecast, get_weather, main

openai.api_base, openai.api_key = URL, KEY


def round_trip(name, stream):
    messages = [{"role": "user", "content": QUESTION}]
    first = ask(name, messages, stream)
    call = first["function_call"]
    result = get_weather(**json.loads(call["arguments"]))
    messages += [first, {"role": "function", "name": call["name"], "content": result}]
    return ask(name, messages, stream)["content"]


def ask(name, messages, stream):
    """The message that comes back."""
    asked = {"model": name, "messages": messages, "functions": [TOOL["function"]]}
    if not stream:
        return openai.ChatCompletion.create(**asked).choices[0].message
    content, call = "", {"name": "", "arguments": ""}
    for chunk in openai.ChatCompletion.create(**asked, stream=True):
        delta = chunk.choices[0].delta
        content += delta.get("content") or ""
        for field, piece in (delta.get("function_call") or {}).items():
            call[field] += piece
    message = {"role": "assistant", "content": content}
    return message | {"function_call": call} if call["name"] else message


def structured(name):
    messages = [{"role": "user", "content": QUESTION}]
    answer = openai.ChatCompletion.create(model=name, messages=messages, response_format=FORMAT)
    return Forecast.model_validate_json(answer.choices[0].message.content)


def refused():
    """Old programs see errors as these classes."""
    for name, kind in (
        ("RateLimited", openai.error.RateLimitError),
        ("TooLong", openai.error.InvalidRequestError),
    ):
        try:
            openai.ChatCompletion.create(model=name, messages=[{"role": "user", "content": QUESTION}])
        except kind:
            continue
        raise AssertionError(name)


main("openai", round_trip, structured)
refused()
