// pi: by each of the three APIs.

import { home, KEY, MODELS, run, TASK, URL_, version } from "./shell.mjs";

const provider = (api, baseUrl) => ({ api, baseUrl, apiKey: KEY, models: MODELS.map((id) => ({ id })) });
const providers = {
  chat: provider("openai-completions", URL_),
  responses: provider("openai-responses", URL_),
  messages: provider("anthropic-messages", URL_.replace(/\/v1$/, "")),
};

version("@mariozechner/pi-coding-agent");
const folder = home("pi", { ".pi/agent/models.json": { providers } });
for (const model of MODELS) {
  for (const api of Object.keys(providers)) {
    run(`${model} ${api}`, folder, "pi", ["--provider", api, "--model", model, "--tools", "bash", "-p", TASK]);
  }
}
