// What the programs on OpenAI Agents for JavaScript have in common: an agent, whose model is theirs.

import { Agent, run, setTracingDisabled, tool } from "@openai/agents";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

setTracingDisabled(true);
const weather = tool({ name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, execute: getWeather });

// Do what every program does; models(name) is the model of an agent.
export async function runAgents(models) {
  const agent = (name, more) => new Agent({ name: "forecaster", model: models(name), ...more });

  async function roundTrip(name, stream) {
    const result = await run(agent(name, { tools: [weather] }), QUESTION, { stream });
    if (stream) {
      for await (const _ of result) continue;
      await result.completed;
    }
    return result.finalOutput;
  }

  const structured = async (name) => (await run(agent(name, { outputType: Forecast }), QUESTION)).finalOutput;

  await main("@openai/agents", roundTrip, structured);
}
