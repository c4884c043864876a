// openai: its Responses API, the loop as its documentation has it; and parse.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

const client = new OpenAI();
const tools = [{ type: "function", name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, strict: true }];

async function ask(model, input, stream) {
  if (!stream) return await client.responses.create({ model, input, tools });
  return await client.responses.stream({ model, input, tools }).finalResponse();
}

async function roundTrip(model, stream) {
  const input = [{ role: "user", content: QUESTION }];
  const first = await ask(model, input, stream);
  assert.equal(first.status, "completed");
  input.push(...first.output);
  for (const call of first.output.filter((item) => item.type === "function_call")) {
    input.push({ type: "function_call_output", call_id: call.call_id, output: getWeather(JSON.parse(call.arguments)) });
  }
  return (await ask(model, input, stream)).output_text;
}

async function structured(model) {
  const asked = { model, input: QUESTION, text: { format: zodTextFormat(Forecast, "forecast") } };
  return (await client.responses.parse(asked)).output_parsed;
}

await main("openai", roundTrip, structured);
