// Claude Code: its loop, with its own tool for reading files.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { KEY, URL_ } from "./weather.mjs";

const folder = new URL("../node_modules/", import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(`${folder}@anthropic-ai/claude-code/package.json`));
console.log(`version @anthropic-ai/claude-code ${version}`);

for (const model of process.env.MODELS.split(" ")) {
  const written = execFileSync(
    `${folder}.bin/claude`,
    ["-p", "Read it.", "--tools", "Read", "--system-prompt", "Be brief.", "--output-format", "stream-json", "--verbose"],
    {
      env: {
        ...process.env,
        PATH: `${folder}.bin:${process.env.PATH}`,
        ANTHROPIC_BASE_URL: URL_.replace(/\/v1$/, ""),
        ANTHROPIC_AUTH_TOKEN: KEY,
        ANTHROPIC_MODEL: model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const events = written.toString().trim().split("\n").map((line) => JSON.parse(line));
  const blocks = events.filter(({ type }) => type === "assistant").flatMap(({ message }) => message.content);
  assert.ok(blocks.some(({ type, name }) => type === "tool_use" && name === "Read"), `${model} called nothing`);
  const { result, is_error: failed, usage } = events.at(-1);
  assert.ok(!failed && result.includes("The tool says"), `${model}: ${result}`);
  assert.ok(usage.input_tokens > 0 && usage.output_tokens > 0, JSON.stringify(usage));
  console.log(`ok ${model} streamed`);
}
