// @anthropic-ai/sdk: its stream helper, and the loop as its documentation has it.

import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { DESCRIPTION, Forecast, KEY, QUESTION, SCHEMA, URL_, getWeather, main } from "./weather.mjs";

const client = new Anthropic({ baseURL: URL_.replace(/\/v1$/, ""), apiKey: KEY });
const tools = [{ name: "get_weather", description: DESCRIPTION, input_schema: SCHEMA }];

async function roundTrip(model, stream) {
  const messages = [{ role: "user", content: QUESTION }];
  const ask = async () => {
    const asked = { model, messages, tools, max_tokens: 2000 };
    return stream ? client.messages.stream(asked).finalMessage() : client.messages.create(asked);
  };
  const first = await ask();
  const results = [];
  for (const { type, id, input } of first.content) {
    if (type !== "tool_use") continue;
    results.push({ type: "tool_result", tool_use_id: id, content: await getWeather(input) });
  }
  messages.push({ role: "assistant", content: first.content }, { role: "user", content: results });
  return (await ask()).content[0].text;
}

async function structured(model) {
  const messages = [{ role: "user", content: QUESTION }];
  const format = zodOutputFormat(Forecast);
  const parsed = await client.messages.parse({ model, messages, max_tokens: 2000, output_config: { format } });
  return parsed.parsed_output;
}

await main("@anthropic-ai/sdk", roundTrip, structured);
