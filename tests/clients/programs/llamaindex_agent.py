"""LlamaIndex: its function agent on a server that is like OpenAI's."""

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike
from weather import FORMAT, KEY, QUESTION, URL, Forecast, get_weather, main


async def round_trip(name, stream):
    model = OpenAILike(
        model=name, api_base=URL, api_key=KEY, is_chat_model=True, is_function_calling_model=True
    )
    agent = FunctionAgent(tools=[get_weather], llm=model, streaming=stream)
    return str(await agent.run(QUESTION))


def structured(name):
    model = OpenAILike(model=name, api_base=URL, api_key=KEY, is_chat_model=True)
    answer = model.chat([ChatMessage(role="user", content=QUESTION)], response_format=FORMAT)
    return Forecast.model_validate_json(answer.message.content)


main("llama-index-llms-openai-like", round_trip, structured)
