// OpenRouter's own package, which checks each answer against its types.

import { OpenRouter } from "@openrouter/sdk";
import { DESCRIPTION, getWeather, KEY, main, QUESTION, SCHEMA, URL_ } from "./weather.mjs";

const client = new OpenRouter({ apiKey: KEY, serverURL: URL_ });
const tools = [{ type: "function", function: { name: "get_weather", description: DESCRIPTION, parameters: SCHEMA } }];

async function complete(request) {
  return (await client.chat.send({ chatRequest: request })).choices[0].message;
}

async function roundTrip(model, stream) {
  const messages = [{ role: "user", content: QUESTION }];
  const called = await complete({ model, messages, tools });
  messages.push(called);
  for (const call of called.toolCalls) {
    const content = getWeather(JSON.parse(call.function.arguments));
    messages.push({ role: "tool", toolCallId: call.id, content });
  }
  if (!stream) return (await complete({ model, messages, tools })).content;
  let answer = "";
  for await (const chunk of await client.chat.send({ chatRequest: { model, messages, tools, stream } })) {
    answer += chunk.choices[0]?.delta.content ?? "";
  }
  return answer;
}

async function structured(model) {
  const jsonSchema = { name: "forecast", strict: true, schema: SCHEMA };
  const messages = [{ role: "user", content: QUESTION }];
  return JSON.parse((await complete({ model, messages, responseFormat: { type: "json_schema", jsonSchema } })).content);
}

await main("@openrouter/sdk", roundTrip, structured);
