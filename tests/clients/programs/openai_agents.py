"""OpenAI Agents: an agent on the chat completions model."""

from agents import OpenAIChatCompletionsModel
from forecaster import run

run(OpenAIChatCompletionsModel)
