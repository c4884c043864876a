"""OpenAI Agents: an agent on the model that is its default, that of the Responses API."""

from agents import OpenAIResponsesModel
from forecaster import run

run(OpenAIResponsesModel)
