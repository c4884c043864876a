// Tests of one bot or of a selection: a short question to each, through the API that every client uses.
import { html, useSource, useState } from "./dom.js";
import { duration } from "./format.js";
import { number, t } from "./i18n.js";
import { Answer } from "./answer.js";
import { Dialog, Field, Icon, KeyField } from "./widgets.js";

const PROMPT = "Reply with the one word: pong";

export function Testing({ tries, rows, onClose }) {
  const { tests, running, hasKey } = useSource(tries);
  const [prompt, setPrompt] = useState(PROMPT);
  const makers = rows.filter(({ fact }) => fact.output_modalities.length && !fact.output_modalities.includes("text")).length;
  const start = (event) => {
    event.preventDefault();
    if (hasKey && prompt.trim()) tries.test(rows, prompt);
  };
  const title = rows.length === 1 ? t("test.one", { name: rows[0].name }) : t("test.many", { n: rows.length });
  const footer = html`
    <span class="spacer"></span>
    ${running
      ? html`<button type="button" key="stop" onClick=${() => tries.stop()}><${Icon} name="stop" />${t("stop")}</button>`
      : html`<button type="submit" key="start" form="testing" class="primary" disabled=${!hasKey || !prompt.trim()}><${Icon} name="play" />
          ${rows.length === 1 ? t("test.ask") : t("test.askMany", { n: rows.length })}</button>`}
  `;
  return html`
    <${Dialog} title=${title} className="wide" onClose=${onClose} footer=${footer}>
      <form id="testing" class="form" onSubmit=${start}>
        <${KeyField} tries=${tries} />
        <${Field} id="prompt" label=${t("test.prompt")} hint=${t("test.cost", { n: rows.length })}>
          ${(attributes) => html`<input ...${attributes} value=${prompt} autocomplete="off" onInput=${(event) => setPrompt(event.target.value)} />`}
        <//>
        ${makers > 0 && html`<p class="notice">${t("test.makers", { n: makers })}</p>`}
      </form>
      <p class="offscreen" role="status">${summary(rows, tests, running)}</p>
      <ul class="results">
        ${rows.map((row) => html`<${Result} key=${row.id} row=${row} test=${tests.get(row.id)} isOpen=${rows.length === 1} />`)}
      </ul>
    <//>
  `;
}

function summary(rows, tests, running) {
  if (running) return t("test.running", { n: running });
  const ended = rows.map((row) => tests.get(row.id)?.state);
  const passed = ended.filter((state) => state === "passed").length;
  const failed = ended.filter((state) => state === "failed").length;
  return passed + failed ? t("test.summary", { passed, failed }) : "";
}

const ICONS = { waiting: "clock", running: "clock", passed: "check", failed: "alert" };

function Result({ row, test, isOpen }) {
  if (!test) return null;
  return html`
    <li class=${`result is-${test.state}`}>
      <details open=${isOpen}>
        <summary>
          <${Icon} name=${ICONS[test.state]} /><strong>${row.name}</strong>
          <span class="figures">${figures(test)}</span>
        </summary>
        ${test.reasoning && html`<div class="reasoning"><${Answer} text=${test.reasoning} /></div>`}
        ${test.content && html`<${Answer} text=${test.content} />`}
        ${test.state === "passed" && !test.content && html`<p class="hint">${t("test.empty")}</p>`}
        ${test.state === "failed" && html`<p class="error">${test.message}</p>${test.raw && html`
          <pre class="raw" tabindex="0" role="region" aria-label=${t("test.raw")}>${test.raw}</pre>`}`}
      </details>
    </li>
  `;
}

/** Time to the first token, in all, and tokens of a test or an answer. */
export function figures({ state, firstMs, totalMs, usage, status }) {
  if (state === "waiting") return t("test.waiting");
  if (state === "failed") return status ? `HTTP ${status}` : t("test.failed");
  return [
    firstMs !== null && firstMs !== undefined && t("test.first", { time: duration(firstMs) }),
    totalMs > 0 && t("test.total", { time: duration(totalMs) }),
    usage && t("test.tokens", { input: number(usage.prompt_tokens), output: number(usage.completion_tokens) }),
  ].filter(Boolean).join(" · ");
}
