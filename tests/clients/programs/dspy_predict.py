"""DSPy: a prediction that calls a tool natively."""

import dspy
import litellm
from weather import KEY, QUESTION, URL, Forecast, get_weather, main


class Calling(dspy.Signature):
    """Answer the question, with the tools' help."""

    question: str = dspy.InputField()
    tools: list[dspy.Tool] = dspy.InputField()
    calls: dspy.ToolCalls = dspy.OutputField()


def round_trip(name, stream):
    register(name, "supports_function_calling")
    model = dspy.LM(f"openai/{name}", api_base=URL, api_key=KEY, cache=False)
    with dspy.context(lm=model, adapter=dspy.ChatAdapter(use_native_function_calling=True)):
        predicted = dspy.Predict(Calling)(question=QUESTION, tools=[dspy.Tool(get_weather)])
    return ", ".join(str(get_weather(**call.args)) for call in predicted.calls.tool_calls)


class Writing(dspy.Signature):
    """Answer the question."""

    question: str = dspy.InputField()
    city: str = dspy.OutputField()
    days: int = dspy.OutputField()


def structured(name):
    register(name, "supports_response_schema")
    model = dspy.LM(f"openai/{name}", api_base=URL, api_key=KEY, cache=False)
    with dspy.context(lm=model, adapter=dspy.JSONAdapter()):
        written = dspy.Predict(Writing)(question=QUESTION)
    return Forecast(city=written.city, days=written.days)


def register(name, ability):
    """LiteLLM, below DSPy, does not use what it does not know of."""
    known = {"litellm_provider": "openai", "mode": "chat", ability: True}
    litellm.register_model({f"openai/{name}": known})


main("dspy", round_trip, structured, streams=(False,))
