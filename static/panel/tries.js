// Asking bots from the page: the key, tests of one or many bots, and the playground's conversation.
import { complete } from "./chat.js";
import { Source } from "./source.js";

const AT_ONCE = 3;

/** State: `tests`, a Map from a bot's id to its test; `running`, how many are under way or waiting; `key` is set. */
export class Tries extends Source {
  #base;
  #key = ""; // in this tab's memory, nowhere else
  #abort = new AbortController();

  constructor(base) {
    super({ tests: new Map(), running: 0, hasKey: false });
    this.#base = base;
  }

  get key() {
    return this.#key;
  }

  setKey(key) {
    this.#key = key;
    this.set({ hasKey: key !== "" });
  }

  /** Ask for a completion with the key; `onPart` is called at most once a frame, and not after the end. */
  async ask(body, signal, onPart) {
    const [show, end] = paced(onPart);
    try {
      return await complete({ base: this.#base, key: this.#key, body, signal, onPart: show });
    } finally {
      end();
    }
  }

  /** Test `rows`, three at a time, with `prompt`. */
  async test(rows, prompt) {
    this.stop();
    const { signal } = (this.#abort = new AbortController());
    const waiting = [...rows];
    rows.forEach((row) => this.#note(row, { state: "waiting" }));
    this.set({ running: rows.length });
    const worker = async () => {
      while (waiting.length && !signal.aborted) await this.#testOne(waiting.shift(), prompt, signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #testOne(row, prompt, signal) {
    this.#note(row, { state: "running" });
    const messages = [{ role: "user", content: prompt }];
    const body = { model: row.name, messages, max_tokens: 200 };
    try {
      const answer = await this.ask(body, signal, ({ content, reasoning, firstMs }) =>
        this.#note(row, { state: "running", content, reasoning, firstMs }));
      this.#note(row, { state: "passed", ...answer });
    } catch (failure) {
      if (signal.aborted) return;
      this.#note(row, { state: "failed", status: failure.status, message: failure.message, raw: failure.raw });
    }
    this.set({ running: Math.max(0, this.state.running - 1) });
  }

  stop() {
    this.#abort.abort();
    const ended = [...this.state.tests].filter(([, { state }]) => state === "passed" || state === "failed");
    this.set({ tests: new Map(ended), running: 0 });
  }

  #note(row, test) {
    this.set({ tests: new Map(this.state.tests).set(row.id, test) });
  }
}

/** `show`, at most once a frame, since a fast stream brings more than a screen shows; and what ends it. */
function paced(show) {
  let due = null;
  const later = (answer) => {
    due ??= requestAnimationFrame(() => {
      due = null;
      show(answer);
    });
  };
  return [later, () => cancelAnimationFrame(due)];
}
