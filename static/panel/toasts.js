// Short messages that come and go; a screen reader reads them out.
import { html, useLayoutEffect, useRef, useSource } from "./dom.js";
import { t } from "./i18n.js";
import { Source } from "./source.js";
import { Icon, IconButton } from "./widgets.js";

const STAY_MS = 8000;

export class Toasts extends Source {
  constructor() {
    super({ toasts: [] });
  }

  /** Show `text`; one that is `bad` stays until it is closed. */
  say(text, isBad = false) {
    const toast = { id: crypto.getRandomValues(new Uint32Array(1))[0], text, isBad };
    this.set({ toasts: [...this.state.toasts.filter((each) => each.text !== text), toast].slice(-3) });
    if (!isBad) setTimeout(() => this.close(toast.id), STAY_MS);
  }

  close(id) {
    this.set({ toasts: this.state.toasts.filter((each) => each.id !== id) });
  }
}

export function ToastStack({ toasts: source }) {
  const { toasts } = useSource(source);
  const stack = useRef();
  useLayoutEffect(() => {
    // What was opened last lies on top: a message must not hide behind a dialog.
    if (stack.current.matches(":popover-open")) stack.current.hidePopover();
    stack.current.showPopover();
  }, [toasts]);
  return html`
    <div ref=${stack} popover="manual" class="toasts" role="status" aria-live="polite">
      ${toasts.map(({ id, text, isBad }) => html`
        <div key=${id} class=${`toast ${isBad ? "is-bad" : ""}`}>
          <${Icon} name=${isBad ? "alert" : "check"} /><p>${text}</p>
          <${IconButton} icon="close" label=${t("close")} onClick=${() => source.close(id)} />
        </div>`)}
    </div>
  `;
}
