"""Instructor: the arguments of a call as a model, whole and while they stream."""

import instructor
from openai import OpenAI
from pydantic import BaseModel
from weather import QUESTION, get_weather, main


class Wanted(BaseModel):
    """What the weather tool needs."""

    city: str
    days: int


def round_trip(name, stream):
    client = instructor.from_openai(OpenAI(), mode=instructor.Mode.TOOLS)
    asked = {"model": name, "messages": [{"role": "user", "content": QUESTION}], "response_model": Wanted}
    if stream:
        *_, wanted = client.chat.completions.create_partial(**asked)
    else:
        wanted, completion = client.chat.completions.create_with_completion(**asked)
        assert completion.choices[0].message.tool_calls
    return get_weather(wanted.city, wanted.days)


main("instructor", round_trip)
