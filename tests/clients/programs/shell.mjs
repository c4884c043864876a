// What agents on the command line do: a task that is done by a command in their shell, which the bot has them run.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export { KEY, URL_ } from "./weather.mjs";

const MODULES = new URL("../node_modules/", import.meta.url).pathname;
export const MODELS = process.env.MODELS.split(" ");
export const TASK = "echo three days of $((8 + 9)) degrees";

export function version(name) {
  console.log(`version ${name} ${JSON.parse(readFileSync(`${MODULES}${name}/package.json`)).version}`);
}

// A home of its own, with these files.
export function home(name, files) {
  const folder = `${process.env.HOME}/${name}`;
  mkdirSync(`${folder}/work`, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(`${folder}/${path}`), { recursive: true });
    writeFileSync(`${folder}/${path}`, typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

// Run it, and see that the bot was told what the command wrote; `how` is two words.
export function run(how, folder, command, options, input = "") {
  const { PATH, ...others } = process.env;
  const env = { ...others, PATH: `${MODULES}.bin:${PATH}`, HOME: folder };
  const done = spawnSync(`${MODULES}.bin/${command}`, options, { cwd: `${folder}/work`, env, input, encoding: "utf8" });
  assert.equal(done.status, 0, `${how}: ${done.stdout}${done.stderr}`);
  assert.match(done.stdout, /The tool says: [^]*three days of 17 degrees/, `${how}: ${done.stdout}${done.stderr}`);
  console.log(`ok ${how}`);
}
