// The configuration that the page shows and saves: each change at once, one after another, with undo and redo.
import { applyAll, changesAnything, fits, inverse, isEqual, shared, valueAt, wholePatch } from "./config.js";
import { rowsOf } from "./catalog.js";
import { Source } from "./source.js";

const RETRY_MS = 5000;
const CONFLICT_TRIES = 5;
const PASSING = (status) => status === 0 || status === 429 || status >= 500;

/**
 * State: phase "loading" | "ready" | "failed" (with `failure`); `config` with every change, saved or not; `rows`;
 * `saving` "idle" | "saving" | "saved" | "failed" (with `failure`); `clash`, a change that met another of the same
 * place; `undoable` and `redoable`, what a step would take back or do again; `server`, the state page's last
 * answer, and `absence`, why none has come since.
 * `notify(kind, values)` is told what a person should hear of.
 */
export class Store extends Source {
  #api;
  #notify;
  #saved = null; // what the server has
  #queue = []; // changes that it has not
  #done = [];
  #undone = [];
  #isBusy = false;

  constructor(api, notify) {
    super({ phase: "loading", failure: null, config: {}, rows: [], saving: "idle", clash: null, server: null, absence: null });
    this.#api = api;
    this.#notify = notify;
  }

  /** What to do with a refusal that has no field of its own: say it. */
  complain = (failure) => this.#notify("refused", { message: failure.message });

  get isSettled() {
    return this.#queue.length === 0 && !this.#isBusy;
  }

  async load() {
    this.set({ phase: "loading", failure: null });
    try {
      await this.#reload();
    } catch (failure) {
      this.set({ phase: "failed", failure });
    }
  }

  async #reload() {
    const [{ config, version }, { data, list, file }] = await Promise.all([this.#api.config(), this.#api.models()]);
    this.#saved = { config: shared(this.#saved?.config ?? {}, config), version };
    this.facts = keptFacts(this.facts, data);
    this.#show({ phase: "ready", list, file });
  }

  /** Look whether the file or the list has changed elsewhere; show it if nothing of ours is under way. */
  async follow() {
    const server = await this.#api.state().catch((absence) => {
      this.set({ absence });
      throw absence;
    });
    const before = this.state.server;
    this.set({ server, absence: null });
    if (!this.isSettled || this.state.phase !== "ready") return;
    const isNew = server.file.version !== this.#saved.version;
    const isBroken = !isEqual(server.file.error, this.state.file?.error ?? null);
    const isOtherList = before && before.poe.models !== server.poe.models;
    if (!isNew && !isBroken && !isOtherList) return;
    await this.#reload();
    if (isNew) this.#notify("reloaded");
  }

  /** Do `patches`, to be called `label` in undo. Resolves when saved; rejects with ApiFailure if refused. */
  change(label, patches) {
    const kept = patches.filter(changesAnything);
    if (!kept.length) return Promise.resolve();
    this.#undone = [];
    return this.#enter({ label, patches: kept, into: this.#done });
  }

  undo() {
    return this.#step(this.#done, this.#undone);
  }

  redo() {
    return this.#step(this.#undone, this.#done);
  }

  #step(from, into) {
    const change = from.pop();
    if (!change) return Promise.resolve();
    const patches = inverse(change.patches);
    if (patches.every((patch) => fits(this.state.config, patch))) {
      return this.#enter({ label: change.label, patches, into, isStep: true }).catch(() => {});
    }
    this.#show();
    this.#notify("stale", { label: change.label });
    return Promise.resolve();
  }

  #enter(change) {
    const entry = { ...change };
    const outcome = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    change.into.push(entry);
    this.#queue.push(entry);
    this.#show();
    this.#flush();
    return outcome;
  }

  async #flush() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    clearTimeout(this.retry);
    let tries = 0;
    while (this.#queue.length && !this.state.clash) {
      const [entry] = this.#queue;
      this.set({ saving: "saving" });
      try {
        await this.#save(applyAll(this.#saved.config, entry.patches));
      } catch (failure) {
        if (failure.status === 409 && ++tries <= CONFLICT_TRIES) await this.#meet(entry).catch((other) => this.#wait(other));
        else if (PASSING(failure.status)) this.#wait(failure);
        else this.#drop(entry, failure);
        if (this.state.saving === "failed") break;
        continue;
      }
      this.#queue.shift();
      this.#show({ saving: this.#queue.length ? "saving" : "saved", failure: null });
      entry.resolve();
    }
    this.#isBusy = false;
  }

  async #save(config) {
    const { config: saved, version } = await this.#api.save(config, this.#saved.version);
    this.#saved = { config: shared(this.#saved.config, saved), version };
  }

  /** The file is another than the one that was changed: go on if the change still fits, else ask. */
  async #meet(entry) {
    await this.#reload();
    if (entry.patches.every((patch) => fits(this.#saved.config, patch))) this.#notify("merged", entry);
    else this.set({ clash: entry });
  }

  /** What the file has at a patch's place. */
  savedAt({ target }) {
    return valueAt(this.#saved.config, target);
  }

  /** After a clash: have ours written over theirs, or let theirs stand. */
  settle(isOurs) {
    const [entry] = this.#queue;
    this.set({ clash: null });
    if (!isOurs) this.#drop(entry, null);
    this.#flush();
  }

  #wait(failure) {
    this.set({ saving: "failed", failure });
    this.retry = setTimeout(() => this.#flush(), RETRY_MS);
  }

  retryNow() {
    this.#flush();
  }

  #drop(entry, failure) {
    for (const list of [this.#queue, entry.into]) {
      if (list.includes(entry)) list.splice(list.indexOf(entry), 1);
    }
    this.#show({ saving: this.#queue.length ? "saving" : "idle", failure: null });
    if (failure && entry.isStep) this.#notify("refused", { label: entry.label, message: failure.message });
    if (failure) entry.reject(failure);
    else entry.resolve();
  }

  /** Restore or import: `call(version)` has the server write another whole. */
  async replace(label, call) {
    const before = this.#saved.config;
    const { config, version } = await call(this.#saved.version).catch(async (failure) => {
      if (failure.status === 409) await this.#reload();
      throw failure;
    });
    const after = shared(before, config);
    this.#saved = { config: after, version };
    this.#undone = [];
    if (!isEqual(before, after)) this.#done.push({ label, patches: [wholePatch(before, after)], into: this.#done });
    this.#show({ saving: "saved" });
  }

  /** Set the token for fetching the list, or remove it (null). It is not kept here, so there is no undo. */
  async setToken(token) {
    const save = () => this.#save({ ...this.#saved.config, api_token: token });
    await save().catch(async (failure) => {
      if (failure.status !== 409) throw failure;
      await this.#reload();
      await save();
    });
    this.#show({ saving: "saved" });
  }

  #show(changes = {}) {
    const config = this.#queue.reduce((whole, { patches }) => applyAll(whole, patches), this.#saved.config);
    const previous = new Map(this.state.rows.map((row) => [row.id, row]));
    const [undoable, redoable] = [this.#done, this.#undone].map((stack) => stack.at(-1)?.label ?? null);
    const rows = rowsOf(this.facts, config, previous);
    this.set({ ...changes, config, rows, undoable, redoable, version: this.#saved.version });
  }
}

/** What is new and gone stays marked while the page is open: saving makes it old for the server. */
function keptFacts(before = [], after) {
  const old = new Map(before.map((fact) => [fact.id, fact]));
  return after.map((fact) => {
    const marked = old.get(fact.id)?.new ? { ...fact, new: true } : fact;
    return shared(old.get(fact.id) ?? {}, marked);
  });
}
