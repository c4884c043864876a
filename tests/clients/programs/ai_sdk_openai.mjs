// AI SDK: OpenAI's own provider, with chat completions.

import { createOpenAI } from "@ai-sdk/openai";
import { roundTrip, structured } from "./ai_sdk.mjs";
import { KEY, URL_, main } from "./weather.mjs";

const provider = createOpenAI({ baseURL: URL_, apiKey: KEY });

const models = (name) => provider.chat(name);

await main("@ai-sdk/openai", roundTrip(models), structured(models));
