"""llm: a chain of its OpenAI chat model, which calls the tool itself."""

from llm.default_plugins.openai_models import Chat
from weather import KEY, QUESTION, URL, Forecast, get_weather, main


def round_trip(name, stream):
    model = Chat(f"poe-{name}", model_name=name, api_base=URL, supports_tools=True)
    return "".join(model.chain(QUESTION, tools=[get_weather], stream=stream, key=KEY))


def structured(name):
    model = Chat(f"poe-{name}", model_name=name, api_base=URL, supports_schema=True)
    return Forecast.model_validate_json(model.prompt(QUESTION, schema=Forecast, key=KEY).text())


main("llm", round_trip, structured)
