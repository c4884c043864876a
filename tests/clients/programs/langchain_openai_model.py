"""LangChain: a model with a tool bound, and the loop by hand."""

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from weather import QUESTION, Forecast, get_weather, main

weather = tool(get_weather)


def round_trip(name, stream):
    model = ChatOpenAI(model=name).bind_tools([weather])
    messages = [HumanMessage(QUESTION)]
    first = ask(model, messages, stream)
    messages.append(first)
    messages += [weather.invoke(call) for call in first.tool_calls]
    return ask(model, messages, stream).content


def ask(model, messages, stream):
    if not stream:
        return model.invoke(messages)
    whole = None
    for chunk in model.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


def structured(name):
    return ChatOpenAI(model=name).with_structured_output(Forecast).invoke(QUESTION)


main("langchain-openai", round_trip, structured)
