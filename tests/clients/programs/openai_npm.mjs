// openai: runTools, which calls the tool itself, streamed with the stream helper; and parse.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

const client = new OpenAI();
const messages = [{ role: "user", content: QUESTION }];
const tool = {
  type: "function",
  function: { name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, parse: JSON.parse, function: getWeather },
};

async function roundTrip(model, stream) {
  return await client.chat.completions.runTools({ model, stream, messages, tools: [tool] }).finalContent();
}

async function structured(model) {
  const asked = { model, messages, response_format: zodResponseFormat(Forecast, "forecast") };
  return (await client.chat.completions.parse(asked)).choices[0].message.parsed;
}

await main("openai", roundTrip, structured);
