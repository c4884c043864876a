// Continue on the command line: its first tool reads a file.

import { home, KEY, MODELS, run, URL_, version } from "./shell.mjs";

const config = (model) => ({
  name: "demo",
  version: "1.0.0",
  schema: "v1",
  models: [{ name: "demo", provider: "openai", model, apiBase: URL_, apiKey: KEY, capabilities: ["tool_use"] }],
});

version("@continuedev/cli");
for (const model of MODELS) {
  const folder = home(`continue-${model}`, { "config.yaml": config(model), "notes.txt": "three days of 17 degrees" });
  const options = ["--config", `${folder}/config.yaml`, "--auto", "-p", `${folder}/notes.txt`];
  run(`${model} file`, folder, "cn", options);
}
