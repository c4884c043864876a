// Figures short enough for a row: contexts, prices, sizes, durations.
import { number, t } from "./i18n.js";

/** 200000 → "200k", 1048576 → "1M". */
export function tokens(count) {
  if (!count) return "";
  if (count >= 999_500) return `${trimmed(count / 1_000_000)}M`;
  return count >= 1000 ? `${Math.round(count / 1000)}k` : String(count);
}

const trimmed = (value) => value.toFixed(1).replace(/\.0$/, "");

/** What a bot costs in few characters: dollars for a million tokens in and out, or for a request. */
export function price(pricing) {
  const [prompt, completion, request, image] = amounts(pricing);
  if (prompt && completion) return `${dollars(prompt * 1e6)} / ${dollars(completion * 1e6)}`;
  if (prompt || completion) return dollars((prompt || completion) * 1e6);
  if (request) return t("price.request", { amount: dollars(request) });
  return image ? t("price.image", { amount: dollars(image) }) : "";
}

/** The same in words. */
export function priceInWords(pricing) {
  const [prompt, completion, request, image] = amounts(pricing);
  return [
    prompt && t("price.prompt", { amount: dollars(prompt * 1e6) }),
    completion && t("price.completion", { amount: dollars(completion * 1e6) }),
    request && t("price.perRequest", { amount: dollars(request) }),
    image && t("price.perImage", { amount: dollars(image) }),
  ].filter(Boolean).join(" · ");
}

/** The dollars of each kind; 0 for what has no price, or one that is none. */
const amounts = (pricing) =>
  ["prompt", "completion", "request", "image"].map((kind) => {
    const amount = Number(pricing?.[kind] ?? 0);
    return Number.isFinite(amount) && amount > 0 ? amount : 0;
  });

function dollars(amount) {
  if (amount >= 100 || (amount >= 1 && Number.isInteger(amount))) return `$${amount.toFixed(0)}`;
  return `$${amount >= 0.1 ? amount.toFixed(2) : amount.toPrecision(2).replace(/0$/, "")}`;
}

export function bytes(count) {
  if (count < 1024) return number(count, { style: "unit", unit: "byte", unitDisplay: "long" });
  const power = Math.min(3, Math.floor(Math.log2(count) / 10));
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][power];
  return number(count / 1024 ** power, { style: "unit", unit, maximumFractionDigits: 1 });
}

/** Milliseconds as "312 ms" or "4.2 s". */
export function duration(milliseconds) {
  if (milliseconds < 1000) return number(Math.round(milliseconds), { style: "unit", unit: "millisecond" });
  return number(milliseconds / 1000, { style: "unit", unit: "second", maximumFractionDigits: 1 });
}

/** A value of the file on one line. */
export function value(content) {
  if (content === null || content === undefined) return t("diff.nothing");
  return typeof content === "string" ? content : JSON.stringify(content);
}
