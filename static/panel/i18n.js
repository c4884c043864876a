// The page's language: one table of strings at a time, and numbers and times as that language writes them.

export const LANGUAGES = { en: "English", "zh-CN": "简体中文", "zh-TW": "繁體中文" };

let language = "en";
let table = {};
let plurals = new Intl.PluralRules("en");

/** The language that the reader chose, or else the first of the browser's that we have. */
export function preferredLanguage(chosen, wanted) {
  if (chosen in LANGUAGES) return chosen;
  for (const tag of wanted) {
    if (/^zh-(TW|HK|MO|Hant)/i.test(tag)) return "zh-TW";
    if (/^zh/i.test(tag)) return "zh-CN";
    if (/^en/i.test(tag)) return "en";
  }
  return "en";
}

export async function useLanguage(name) {
  const response = await fetch(new URL(`../strings/${name}.json`, import.meta.url));
  if (!response.ok) throw new Error(`${name}.json: HTTP ${response.status}`);
  table = await response.json();
  language = name;
  plurals = new Intl.PluralRules(name);
  document.documentElement.lang = name;
}

export const currentLanguage = () => language;

/** The text under `key` with `values` in its {places}; `values.n` chooses between singular and plural. */
export function t(key, values = {}) {
  const entry = table[key] ?? key;
  const text = typeof entry === "string" ? entry : (entry[plurals.select(values.n)] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name] ?? place;
    return typeof value === "number" ? number(value) : isolated(value);
  });
}

const TURNS = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A text that runs from right to left, or turns others round, kept from turning what stands beside it. */
const isolated = (text) => (TURNS.test(text) ? `\u2068${text}\u2069` : text);

export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

/** A moment, given in seconds since 1970. */
export const time = (seconds) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(seconds * 1000);

export const day = (seconds) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(seconds * 1000);

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** How long ago a moment was, in its largest unit. */
export function ago(seconds) {
  const passed = Math.max(0, Date.now() / 1000 - seconds);
  const [unit, size] = UNITS.find(([, length]) => passed >= length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-Math.floor(passed / size), unit);
}
