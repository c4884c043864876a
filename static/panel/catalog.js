// What the list shows: Poe's facts and the file's options become rows; which of them match, in which order. Pure.
import { fold, keyOf, optionsOf } from "./config.js";

const NOTHING = Object.freeze({});

/**
 * A row for each bot: what `/api/models` knows of it (`facts`) under what `config` says.
 * A row that did not change is the one of `previous` (a Map by id), so that it need not be drawn again.
 */
export function rowsOf(facts, config, previous = new Map()) {
  const known = new Map(facts.map((fact) => [fold(fact.id), fact]));
  for (const custom of config.custom_models ?? []) {
    const found = known.get(fold(custom.id));
    known.set(fold(custom.id), found?.listed ? found : customFact(custom, found));
  }
  for (const id of Object.keys(config.models ?? {})) {
    if (!known.has(fold(id))) known.set(fold(id), unlistedFact(id));
  }
  const customs = new Set((config.custom_models ?? []).map((each) => fold(each.id)));
  const kept = [...known.values()].filter((fact) => fact.listed || customs.has(fold(fact.id)) || has(config, fact.id) || fact.gone);
  const rows = kept.map((fact) => rowOf(fact, config, customs.has(fold(fact.id))));
  const claims = claimsOf(rows);
  return rows.map((row) => settled({ ...row, conflict: clash(row, claims) }, previous.get(row.id)));
}

const has = (config, id) => optionsOf(config, keyOf(config, id)) !== undefined;

function rowOf(fact, config, isCustom) {
  const options = optionsOf(config, keyOf(config, fact.id)) ?? NOTHING;
  return {
    id: fact.id,
    fact,
    options,
    name: options.mapping || fact.id,
    aliases: options.aliases ?? [],
    isShown: options.enable !== false,
    isRenamed: Boolean(options.mapping) && options.mapping !== fact.id,
    isCustom,
  };
}

const facts = (id, more) => ({
  id, listed: false, new: false, gone: false, created: 0, description: null, context_length: null,
  max_output_tokens: null, input_modalities: [], output_modalities: [], pricing: null, parameters: [], ...more,
});

const customFacts = new WeakMap(); // so that a custom bot that did not change keeps its row

function customFact(custom, found) {
  if (!customFacts.has(custom)) {
    const own = { owned_by: custom.owned_by ?? "poe", created: custom.created ?? 0 };
    customFacts.set(custom, { ...facts(custom.id), ...found, ...own });
  }
  return customFacts.get(custom);
}

const unlistedFacts = new Map();

function unlistedFact(id) {
  if (!unlistedFacts.has(id)) unlistedFacts.set(id, facts(id, { owned_by: "" }));
  return unlistedFacts.get(id);
}

function settled(row, before) {
  const isSame =
    before && before.fact === row.fact && before.options === row.options && before.conflict === row.conflict &&
    before.isCustom === row.isCustom;
  return isSame ? before : { ...row, haystack: haystack(row) };
}

function haystack({ id, name, aliases, fact, options }) {
  return fold([name, id, ...aliases, fact.owned_by, options.note ?? "", fact.description ?? ""].join("\n"));
}

/** Who claims which name: a Map from the folded name to the ids of the bots that clients would see under it. */
export function claimsOf(rows) {
  const claims = new Map();
  for (const row of rows.filter((each) => each.isShown)) {
    for (const name of new Set([row.name, ...row.aliases].map(fold))) {
      claims.set(name, [...(claims.get(name) ?? []), row.id]);
    }
  }
  return claims;
}

function clash(row, claims) {
  if (!row.isShown) return null;
  for (const name of [row.name, ...row.aliases]) {
    const others = claims.get(fold(name)).filter((id) => id !== row.id);
    if (others.length) return others[0];
  }
  return null;
}

/** Another bot that clients see under `name` already, or undefined. */
export function holderOf(name, rows, id) {
  const folded = fold(name);
  return rows.find((row) => row.isShown && row.id !== id && [row.name, ...row.aliases].some((each) => fold(each) === folded));
}

export const STATUSES = {
  shown: (row) => row.isShown,
  hidden: (row) => !row.isShown,
  renamed: (row) => row.isRenamed || row.aliases.length > 0,
  custom: (row) => row.isCustom,
  new: (row) => row.fact.new,
  gone: (row) => row.fact.gone,
  conflict: (row) => row.conflict !== null,
};

/** A test for rows: all words of `query` occur, every chosen status, input and output holds. */
export function matcher({ query, statuses, inputs, outputs }) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  return (row) =>
    words.every((word) => row.haystack.includes(word)) &&
    statuses.every((status) => STATUSES[status](row)) &&
    inputs.every((each) => row.fact.input_modalities.includes(each)) &&
    outputs.every((each) => row.fact.output_modalities.includes(each));
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const byName = (one, other) => collator.compare(one.name, other.name);
const last = (value) => value ?? Infinity;

const ORDERS = {
  name: byName,
  owner: (one, other) => collator.compare(one.fact.owned_by, other.fact.owned_by),
  price: (one, other) => last(priceOf(one)) - last(priceOf(other)),
  context: (one, other) => (other.fact.context_length ?? 0) - (one.fact.context_length ?? 0),
  newest: (one, other) => other.fact.created - one.fact.created,
};

/** What sorting by price compares: dollars for a million tokens out, or else for a request. */
export function priceOf({ fact: { pricing } }) {
  const tokens = Number(pricing?.completion ?? pricing?.prompt ?? NaN) * 1e6;
  const request = Number(pricing?.request ?? pricing?.image ?? NaN) * 1e3;
  return Number.isFinite(tokens) && tokens > 0 ? tokens : Number.isFinite(request) && request > 0 ? request : null;
}

export function sorted(rows, order) {
  return rows.toSorted((one, other) => ORDERS[order](one, other) || byName(one, other) || 0);
}

/** The rows by owner, owners in the order of the alphabet, those without last: [[owner, rows], …]. */
export function grouped(rows) {
  const groups = Object.groupBy(rows, (row) => row.fact.owned_by);
  return Object.entries(groups).sort(([one], [other]) => (one === "") - (other === "") || collator.compare(one, other));
}

/** Which modalities there are in `rows`, the usual ones first. */
export function modalitiesOf(rows, side) {
  const usual = ["text", "image", "video", "audio", "file"];
  const found = new Set(rows.flatMap((row) => row.fact[side]));
  return [...usual.filter((each) => found.has(each)), ...[...found].filter((each) => !usual.includes(each)).sort()];
}
