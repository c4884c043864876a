// What every program does: one question that only a tool can answer, whole and streamed; one that
// wants JSON. The environment says where: OPENAI_BASE_URL, OPENAI_API_KEY, and the bots, by spaces: MODELS have
// tools, WRITERS answer with JSON.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { z } from "zod";

export const URL_ = process.env.OPENAI_BASE_URL;
export const KEY = process.env.OPENAI_API_KEY;
export const QUESTION = "How will the weather in Reykjavik be over the next 3 days?";
export const DESCRIPTION = "Tells the weather of a city.";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
export const Forecast = z.object({ city: z.string(), days: z.number().int() });
const ANSWER = "3 days of drizzle in Reykjavik, 17 degrees";

let called = [];

export function getWeather({ city, days }) {
  called.push([city, days]);
  return `${days} days of drizzle in ${city}, 17 degrees`;
}

// Run roundTrip(model, stream), which returns the answer, for all that there is; structured(model) returns
// the Forecast that a bot has written.
export async function main(name, roundTrip, structured) {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  console.log(`version ${name} ${JSON.parse(readFileSync(manifest)).version}`);
  for (const model of process.env.MODELS.split(" ").filter(Boolean)) {
    for (const stream of [false, true]) {
      const how = `${model} ${stream ? "streamed" : "whole"}`;
      called = [];
      const answer = await roundTrip(model, stream);
      assert.deepEqual(called, [["Reykjavik", 3]], how);
      assert.ok(answer?.includes(ANSWER), `${how}: answered ${answer}`);
      console.log(`ok ${how}`);
    }
  }
  for (const model of process.env.WRITERS.split(" ")) {
    Forecast.parse(await structured(model));
    console.log(`ok ${model} structured`);
  }
}
