// xsai: tools in its own loop, whole and streamed; and an object.

import { generateObject, generateText, rawTool, streamText } from "xsai";
import { DESCRIPTION, Forecast, KEY, QUESTION, SCHEMA, URL_, getWeather, main } from "./weather.mjs";

const messages = [{ role: "user", content: QUESTION }];
const tools = [rawTool({ name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, execute: getWeather })];
const options = (model) => ({ apiKey: KEY, baseURL: `${URL_}/`, model, messages });

async function roundTrip(model, stream) {
  const asked = { ...options(model), tools, maxSteps: 3 };
  if (!stream) return (await generateText(asked)).text;
  let text = "";
  for await (const piece of streamText(asked).textStream) text += piece;
  return text;
}

async function structured(model) {
  return (await generateObject({ ...options(model), schema: Forecast })).object;
}

await main("xsai", roundTrip, structured);
