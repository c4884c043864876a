// LangChain for JavaScript: a model with a tool bound, and the loop by hand.

import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { DESCRIPTION, Forecast, QUESTION, SCHEMA, getWeather, main } from "./weather.mjs";

const tool = { type: "function", function: { name: "get_weather", description: DESCRIPTION, parameters: SCHEMA } };

async function ask(model, messages, stream) {
  if (!stream) return await model.invoke(messages);
  let whole;
  for await (const chunk of await model.stream(messages)) whole = whole ? whole.concat(chunk) : chunk;
  return whole;
}

async function roundTrip(name, stream) {
  const model = new ChatOpenAI({ model: name }).bindTools([tool]);
  const first = await ask(model, [new HumanMessage(QUESTION)], stream);
  const results = first.tool_calls.map(
    (call) => new ToolMessage({ tool_call_id: call.id, name: call.name, content: getWeather(call.args) }),
  );
  return (await ask(model, [new HumanMessage(QUESTION), first, ...results], stream)).content;
}

async function structured(name) {
  const model = new ChatOpenAI({ model: name }).withStructuredOutput(Forecast, { method: "jsonSchema" });
  return await model.invoke(QUESTION);
}

await main("@langchain/openai", roundTrip, structured);
