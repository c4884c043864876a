// OpenAI Agents for JavaScript: an agent on its default, the Responses API.

import { Agent, run, setTracingDisabled, tool } from "@openai/agents";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

setTracingDisabled(true);
const weather = tool({ name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, execute: getWeather });

async function roundTrip(model, stream) {
  const result = await run(new Agent({ name: "forecaster", model, tools: [weather] }), QUESTION, { stream });
  if (stream) {
    for await (const _ of result) continue;
    await result.completed;
  }
  return result.finalOutput;
}

async function structured(model) {
  return (await run(new Agent({ name: "forecaster", model, outputType: Forecast }), QUESTION)).finalOutput;
}

await main("@openai/agents", roundTrip, structured);
