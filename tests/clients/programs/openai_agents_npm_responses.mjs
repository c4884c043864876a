// OpenAI Agents for JavaScript: an agent on its default, the Responses API.

import { runAgents } from "./forecaster.mjs";

await runAgents((name) => name);
