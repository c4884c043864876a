// OpenAI Agents for JavaScript: an agent on the chat completions model.

import { OpenAIChatCompletionsModel } from "@openai/agents";
import OpenAI from "openai";
import { runAgents } from "./forecaster.mjs";

await runAgents((name) => new OpenAIChatCompletionsModel(new OpenAI(), name));
