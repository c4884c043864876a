"""LlamaIndex: its function agent on a server that is like OpenAI's."""

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike
from weather import KEY, QUESTION, URL, get_weather, main


async def round_trip(name, stream):
    model = OpenAILike(
        model=name, api_base=URL, api_key=KEY, is_chat_model=True, is_function_calling_model=True
    )
    agent = FunctionAgent(tools=[get_weather], llm=model, streaming=stream)
    return str(await agent.run(QUESTION))


main("llama-index-llms-openai-like", round_trip)
