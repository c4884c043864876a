// AI SDK: the provider for all that is like OpenAI.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { roundTrip } from "./ai_sdk.mjs";
import { KEY, URL_, main } from "./weather.mjs";

const provider = createOpenAICompatible({ name: "poe", baseURL: URL_, apiKey: KEY, includeUsage: true });

await main("@ai-sdk/openai-compatible", roundTrip(provider));
