// AI SDK: the provider for all that is like OpenAI.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { roundTrip, structured } from "./ai_sdk.mjs";
import { KEY, URL_, main } from "./weather.mjs";

const provider = createOpenAICompatible({ name: "poe", baseURL: URL_, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true });

await main("@ai-sdk/openai-compatible", roundTrip(provider), structured(provider));
