// A readable difference: what stands where, before and after.
import { html } from "./dom.js";
import { value } from "./format.js";
import { t } from "./i18n.js";

/** `changes` of { path, before, after }; null before is something new, null after something that goes. */
export const Diff = ({ changes }) => changes.length
  ? html`
    <ul class="diff">
      ${changes.map(({ path, before, after }) => html`
        <li key=${path} class=${kind(before, after)}>
          <code class="path">${path}</code>
          <span class="values">
            ${!isNothing(before) && html`<del><span class="offscreen">${t("diff.before")} </span>${value(before)}</del>`}
            ${!isNothing(after) && html`<ins><span class="offscreen">${t("diff.after")} </span>${value(after)}</ins>`}
          </span>
        </li>`)}
    </ul>`
  : html`<p class="hint">${t("diff.none")}</p>`;

const isNothing = (content) => content === null || content === undefined;

const kind = (before, after) => (isNothing(before) ? "is-added" : isNothing(after) ? "is-removed" : "is-changed");
