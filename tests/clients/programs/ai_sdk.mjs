// What the programs on the AI SDK have in common: the model is theirs.

import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather } from "./weather.mjs";

const tools = {
  get_weather: tool({ description: DESCRIPTION, inputSchema: jsonSchema(SCHEMA), execute: getWeather }),
};

export function roundTrip(models) {
  return async (name, stream) => {
    const asked = { model: models(name), prompt: QUESTION, tools, stopWhen: stepCountIs(3) };
    if (!stream) return (await generateText(asked)).text;
    let failure;
    const result = streamText({ ...asked, onError: ({ error }) => (failure = error) });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    if (failure) throw failure;
    return text;
  };
}

export function structured(models) {
  return async (name) => {
    const asked = { model: models(name), prompt: QUESTION, output: Output.object({ schema: Forecast }) };
    return (await generateText(asked)).output;
  };
}
