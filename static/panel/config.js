// The file's content as data, and changes of it: pure. A change is a list of patches, each of one bot's options,
// one custom bot, one switch or the whole: { target: [part, key], before, after }, undefined where nothing stands.

export const fold = (name) => name.toLowerCase();

/** The key under which `models` has the options of the bot `id`, in any case; `id` itself if it has none. */
export function keyOf(config, id) {
  const models = config.models ?? {};
  if (Object.hasOwn(models, id)) return id;
  const folded = fold(id);
  return Object.keys(models).find((key) => fold(key) === folded) ?? id;
}

/** What `models` has under `key`, which may be a word that every object knows, like "constructor"; or undefined. */
export const optionsOf = ({ models = {} }, key) => (Object.hasOwn(models, key) ? models[key] : undefined);

/** Set `fields` of the bot's options; a field that is undefined goes. */
export function botPatch(config, id, fields) {
  const key = keyOf(config, id);
  const before = optionsOf(config, key);
  return { target: ["models", key], before, after: filled({ ...before, ...fields }) };
}

export function customPatch(config, id, after) {
  return { target: ["custom_models", id], before: customOf(config, id), after };
}

export function switchPatch(config, name, after) {
  return { target: [name], before: config[name], after };
}

export function wholePatch(before, after) {
  return { target: ["*"], before, after };
}

export const inverse = (patches) =>
  patches.map(({ target, before, after }) => ({ target, before: after, after: before })).reverse();

export const changesAnything = ({ before, after }) => !isEqual(before, after);

/** Whether `config` still has, at the patch's place, what the patch found there. */
export const fits = (config, { target, before }) => isEqual(valueAt(config, target), before);

export const applyAll = (config, patches) => patches.reduce(apply, config);

function apply(config, { target: [part, key], after }) {
  if (part === "*") return after;
  if (part === "models") return { ...config, models: without({ ...config.models, [key]: after }) };
  if (part === "custom_models") return { ...config, custom_models: replaced(config.custom_models ?? [], key, after) };
  return without({ ...config, [part]: after });
}

/** What stands at a patch's place; undefined where nothing does. */
export function valueAt(config, [part, key]) {
  if (part === "*") return config;
  if (part === "models") return optionsOf(config, key);
  if (part === "custom_models") return customOf(config, key);
  return config[part];
}

function customOf(config, id) {
  return (config.custom_models ?? []).find((each) => fold(each.id) === fold(id));
}

function replaced(list, id, after) {
  const at = list.findIndex((each) => fold(each.id) === fold(id));
  if (at < 0) return after ? [...list, after] : list;
  return after ? list.with(at, after) : list.toSpliced(at, 1);
}

const without = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function filled(object) {
  const kept = without(object);
  return Object.keys(kept).length ? kept : undefined;
}

/** Whether two JSON values are the same; the order of an object's keys does not count. */
export function isEqual(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]));
}

/** `after`, with the parts that equal those of `before` being those: what did not change stays the same object. */
export function shared(before, after) {
  if (isEqual(before, after)) return before;
  if (!isObject(before) || !isObject(after)) return after;
  return Object.fromEntries(Object.entries(after).map(([key, value]) => [key, Object.hasOwn(before, key) ? shared(before[key], value) : value]));
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
