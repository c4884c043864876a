// What to type into which client: settings and snippets, with this gateway's address. Pure.
import { t } from "./i18n.js";

/**
 * The clients, each { id, name, where, rows: [[setting, value]], code, needs }, for `origin` (the address with the
 * path prefix, no slash at its end) and the bot `model`. `needs` is the path of the API that it speaks, if another.
 */
export function clientsFor(origin, model) {
  const url = `${origin}/v1`;
  const key = t("connect.yourKey");
  return [
    {
      id: "cline", name: "Cline", where: t("connect.cline"),
      rows: [["API Provider", "OpenAI Compatible"], ["Base URL", url], ["API Key", key], ["Model ID", model]],
    },
    {
      id: "roo", name: "Roo Code", where: t("connect.roo"),
      rows: [["API Provider", "OpenAI Compatible"], ["Base URL", url], ["API Key", key], ["Model", model]],
    },
    {
      id: "cherry", name: "Cherry Studio", where: t("connect.cherry"),
      rows: [["Type", "OpenAI"], ["API Key", key], ["API Host", origin], ["Models", model]],
    },
    {
      id: "openwebui", name: "Open WebUI", where: t("connect.openwebui"),
      rows: [["URL", forContainers(url)], ["API Key", key], ["Model IDs", model]],
      note: forContainers(url) === url ? null : t("connect.container", { url }),
    },
    { id: "claude", name: "Claude Code", where: t("connect.claude"), needs: "/v1/messages", code: claudeCode(origin, model) },
    { id: "codex", name: "Codex", where: t("connect.codex"), needs: "/v1/responses", code: codex(url, model) },
    { id: "opencode", name: "opencode", where: t("connect.opencode"), code: opencode(url, model) },
    { id: "python", name: "openai (Python)", where: t("connect.python"), code: python(url, model) },
    { id: "curl", name: "curl", where: t("connect.curl"), code: curl(url, model) },
  ];
}

/** In a container, localhost is the container: the machine has another name there. */
const forContainers = (url) => url.replace(/\/\/(localhost|127\.0\.0\.1|\[::1\])(?=[:/])/, "//host.docker.internal");

const shellWord = (text) => (/^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

const claudeCode = (origin, model) => `export ANTHROPIC_BASE_URL=${shellWord(origin)}
export ANTHROPIC_AUTH_TOKEN="$POE_API_KEY"
export ANTHROPIC_MODEL=${shellWord(model)}
claude`;

const codex = (url, model) => `# ~/.codex/config.toml
model = ${JSON.stringify(model)}
model_provider = "poe"

[model_providers.poe]
name = "Poe"
base_url = ${JSON.stringify(url)}
env_key = "POE_API_KEY"
wire_api = "responses"`;

const opencode = (url, model) => JSON.stringify({
  $schema: "https://opencode.ai/config.json",
  provider: {
    poe2openai: {
      npm: "@ai-sdk/openai-compatible",
      name: "Poe",
      options: { baseURL: url, apiKey: "{env:POE_API_KEY}" },
      models: { [model]: {} },
    },
  },
}, null, 2);

const python = (url, model) => `import os

from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(url)}, api_key=os.environ["POE_API_KEY"])

answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)`;

const curl = (url, model) => `curl ${shellWord(`${url}/chat/completions`)} \\
  -H "Authorization: Bearer $POE_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d ${quoted(JSON.stringify({ model, messages: [{ role: "user", content: "Hello!" }] }))}`;

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
