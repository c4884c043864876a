// openai: runTools, which calls the tool itself; streamed it is the stream helper.

import OpenAI from "openai";
import { DESCRIPTION, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

const client = new OpenAI();
const tool = {
  type: "function",
  function: { name: "get_weather", description: DESCRIPTION, parameters: SCHEMA, parse: JSON.parse, function: getWeather },
};

await main("openai", async (model, stream) => {
  const runner = client.chat.completions.runTools({
    model,
    stream,
    messages: [{ role: "user", content: QUESTION }],
    tools: [tool],
  });
  return await runner.finalContent();
});
