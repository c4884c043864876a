// Something that holds a state and tells who listens when it changes.
import { useLayoutEffect, useState } from "../vendor/preact-hooks.js";

export class Source {
  #listeners = new Set();

  constructor(state) {
    this.state = state;
  }

  /** Take over `changes` into the state; components that use it render again. */
  set(changes) {
    this.state = { ...this.state, ...changes };
    for (const listener of this.#listeners) listener();
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The state of `source`, in a component that renders again when it changes. */
export function useSource(source) {
  const [, render] = useState(0);
  useLayoutEffect(() => source.subscribe(() => render((count) => count + 1)), [source]);
  return source.state;
}
