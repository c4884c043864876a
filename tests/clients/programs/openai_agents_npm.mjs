// OpenAI Agents for JavaScript: an agent on the chat completions model.

import { Agent, OpenAIChatCompletionsModel, run, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

setTracingDisabled(true);
const weather = tool({ name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, execute: getWeather });

async function roundTrip(name, stream) {
  const model = new OpenAIChatCompletionsModel(new OpenAI(), name);
  const result = await run(new Agent({ name: "forecaster", model, tools: [weather] }), QUESTION, { stream });
  if (stream) {
    for await (const _ of result) continue;
    await result.completed;
  }
  return result.finalOutput;
}

async function structured(name) {
  const model = new OpenAIChatCompletionsModel(new OpenAI(), name);
  return (await run(new Agent({ name: "forecaster", model, outputType: Forecast }), QUESTION)).finalOutput;
}

await main("@openai/agents", roundTrip, structured);
