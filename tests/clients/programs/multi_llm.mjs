// multi-llm-ts, on which Witsy stands: its engines for several services, each of which has its own form of a request.

import multi from "multi-llm-ts";
import { DESCRIPTION, Forecast, KEY, QUESTION, URL_, getWeather, main } from "./weather.mjs";

const { Message, Plugin, igniteEngine } = multi;

class Weather extends Plugin {
  getName = () => "get_weather";
  getDescription = () => DESCRIPTION;
  isEnabled = () => true;
  getPreparationDescription = () => "…";
  getRunningDescription = () => "…";
  getParameters = () => [
    { name: "city", type: "string", description: "The city.", required: true },
    { name: "days", type: "number", description: "How many days.", required: true },
  ];
  execute = async (_, call) => ({ forecast: getWeather(call) });
}

const capabilities = { tools: true, vision: true, reasoning: false, caching: false };
const described = (name) => ({ id: name, name, capabilities });
const chat = { useResponsesApi: false };
const services = { apiKey: KEY, baseURL: URL_ };
const thread = [new Message("system", "Be brief."), new Message("user", QUESTION)];

// Its other engines do not pass a schema on.
async function structured(name) {
  const asked = { ...chat, structuredOutput: { name: "forecast", structure: Forecast } };
  return JSON.parse((await igniteEngine("openai", services).complete(described(name), thread, asked)).content);
}

async function run(engine, options) {
  async function roundTrip(name, stream) {
    const ignited = igniteEngine(engine, options);
    ignited.addPlugin(new Weather());
    const model = described(name);
    if (!stream) return (await ignited.complete(model, thread, chat)).content;
    let text = "";
    for await (const piece of ignited.generate(model, thread, chat)) {
      if (piece.type === "content") text += piece.text;
    }
    return text;
  }

  await main("multi-llm-ts", roundTrip, structured);
}

for (const engine of ["openai", "deepseek", "openrouter", "lmstudio"]) await run(engine, services);
await run("anthropic", { apiKey: KEY, baseURL: URL_.replace(/\/v1$/, "") });
