// The playground's conversation: it goes on while other views are looked at.
import { Source } from "./source.js";

/** State: `turns` of { role, content, reasoning, … }, `model`, `system`, `parameters`, `isRunning`. */
export class Conversation extends Source {
  #tries;
  #abort = null;

  constructor(tries) {
    super({ turns: [], model: "", system: "", parameters: "", draft: "", isRunning: false });
    this.#tries = tries;
  }

  /** Send `content`; the answer grows in the last turn. `parameters` are more fields of the request. */
  async send(content, parameters = {}) {
    const { model, system, turns } = this.state;
    const said = [...turns, { role: "user", content }];
    const messages = [
      ...(system.trim() ? [{ role: "system", content: system }] : []),
      ...said.filter((turn) => !turn.failure && turn.content).map(({ role, content: text }) => ({ role, content: text })),
    ];
    this.#abort = new AbortController();
    const answer = { role: "assistant", model, content: "", reasoning: "", isRunning: true };
    const show = (changes) => this.set({ turns: [...said, Object.assign(answer, changes)] });
    this.set({ isRunning: true, draft: "" });
    show({});
    try {
      const body = { ...parameters, model, messages };
      const whole = await this.#tries.ask(body, this.#abort.signal, ({ content: text, reasoning, firstMs }) =>
        show({ content: text, reasoning, firstMs }));
      show({ ...whole, isRunning: false });
    } catch (failure) {
      const isStopped = failure.name === "AbortError";
      show({ isRunning: false, isStopped, ...(!isStopped && { failure: { status: failure.status, message: failure.message, raw: failure.raw } }) });
    }
    this.set({ isRunning: false });
  }

  stop() {
    this.#abort?.abort();
  }

  clear() {
    this.stop();
    this.set({ turns: [] });
  }
}
