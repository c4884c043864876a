// TanStack AI: by the Responses API, by chat completions, and as what is like OpenAI.

import { chat, maxIterations, toolDefinition } from "@tanstack/ai";
import { createOpenaiChat, createOpenaiChatCompletions } from "@tanstack/ai-openai";
import { openaiCompatibleText } from "@tanstack/ai-openai/compatible";
import { DESCRIPTION, Forecast, KEY, QUESTION, URL_, getWeather, main } from "./weather.mjs";

const messages = [{ role: "user", content: QUESTION }];
const weather = toolDefinition({ name: "get_weather", description: DESCRIPTION, inputSchema: Forecast }).server(getWeather);

async function run(adapter) {
  async function roundTrip(model, stream) {
    const asked = { adapter: adapter(model), messages, tools: [weather], agentLoopStrategy: maxIterations(3) };
    if (!stream) return chat({ ...asked, stream });
    let text = "";
    for await (const event of chat(asked)) {
      if (event.type === "RUN_ERROR") throw new Error(event.message);
      if (event.type === "TEXT_MESSAGE_CONTENT") text += event.delta;
    }
    return text;
  }

  const structured = (model) => chat({ adapter: adapter(model), messages, outputSchema: Forecast });
  await main("@tanstack/ai-openai", roundTrip, structured);
}

const options = { baseURL: URL_ };
await run((model) => createOpenaiChat(model, KEY, options));
await run((model) => createOpenaiChatCompletions(model, KEY, options));
await run((model) => openaiCompatibleText(model, { ...options, apiKey: KEY }));
