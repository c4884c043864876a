"""DSPy: a prediction that calls a tool natively."""

import dspy
import litellm
from weather import KEY, QUESTION, URL, get_weather, main


class Forecast(dspy.Signature):
    """Answer the question, with the tools' help."""

    question: str = dspy.InputField()
    tools: list[dspy.Tool] = dspy.InputField()
    calls: dspy.ToolCalls = dspy.OutputField()


def round_trip(name, stream):
    litellm.register_model(
        {f"openai/{name}": {"litellm_provider": "openai", "mode": "chat", "supports_function_calling": True}}
    )
    model = dspy.LM(f"openai/{name}", api_base=URL, api_key=KEY, cache=False)
    with dspy.context(lm=model, adapter=dspy.ChatAdapter(use_native_function_calling=True)):
        predicted = dspy.Predict(Forecast)(question=QUESTION, tools=[dspy.Tool(get_weather)])
    return ", ".join(str(get_weather(**call.args)) for call in predicted.calls.tool_calls)


main("dspy", round_trip, streams=(False,))
