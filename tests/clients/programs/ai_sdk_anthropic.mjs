// AI SDK: Anthropic's provider. Of a bot that it does not know it wants JSON as the call of a tool.

import { createAnthropic } from "@ai-sdk/anthropic";
import { roundTrip, structured } from "./ai_sdk.mjs";
import { KEY, URL_, main } from "./weather.mjs";

const models = createAnthropic({ baseURL: URL_, apiKey: KEY });
const [caller] = process.env.MODELS.split(" ");

await main("@ai-sdk/anthropic", roundTrip(models), structured(() => models(caller)));
