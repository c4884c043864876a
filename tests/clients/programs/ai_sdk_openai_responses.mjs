// AI SDK: OpenAI's own provider as it is by default, with the Responses API; but nothing is to be stored.

import { createOpenAI } from "@ai-sdk/openai";
import { defaultSettingsMiddleware, wrapLanguageModel } from "ai";
import { roundTrip, structured } from "./ai_sdk.mjs";
import { KEY, URL_, main } from "./weather.mjs";

const provider = createOpenAI({ baseURL: URL_, apiKey: KEY });
const middleware = defaultSettingsMiddleware({ settings: { providerOptions: { openai: { store: false } } } });

const models = (name) => wrapLanguageModel({ model: provider(name), middleware });

await main("@ai-sdk/openai", roundTrip(models), structured(models));
