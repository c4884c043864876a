// A conversation with one bot, streamed: reasoning apart, pictures shown, the raw error where there is one.
import { html, useEffect, useRef, useSource, useState } from "./dom.js";
import { t } from "./i18n.js";
import { Answer } from "./answer.js";
import { Unusable, parseParameters } from "./options.js";
import { figures } from "./testing.js";
import { Empty, Field, Icon, KeyField } from "./widgets.js";

export function Playground({ conversation, tries, state }) {
  const { turns, model, system, parameters, draft, isRunning } = useSource(conversation);
  const { hasKey } = useSource(tries);
  const [error, setError] = useState(null);
  const names = state.rows.filter((row) => row.isShown).map((row) => row.name);
  const end = useRef();
  useEffect(() => {
    const box = end.current?.parentElement;
    if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 200) box.scrollTop = box.scrollHeight;
  }, [turns]);

  const canSend = hasKey && model.trim() && draft.trim() && !isRunning;
  const send = (event) => {
    event?.preventDefault();
    if (!canSend) return;
    try {
      conversation.send(draft.trim(), parseParameters(parameters));
      setError(null);
    } catch (problem) {
      if (!(problem instanceof Unusable)) throw problem;
      setError(problem.message);
    }
  };
  const typed = (name) => (event) => conversation.set({ [name]: event.target.value });
  const onKeyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };
  return html`
    <div class="playground">
      <section class="card knobs" aria-label=${t("playground.settings")}>
        <${Field} id="model" label=${t("playground.model")}>
          ${(attributes) => html`<input ...${attributes} list="names" value=${model} placeholder=${names[0]} autocomplete="off"
            spellcheck=${false} onInput=${typed("model")} />`}
        <//>
        <datalist id="names">${names.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
        <${KeyField} tries=${tries} />
        <details open=${error ? true : undefined}>
          <summary>${t("playground.more")}</summary>
          <div class="form">
            <${Field} id="system" label=${t("playground.system")}>
              ${(attributes) => html`<textarea ...${attributes} rows="3" value=${system} onInput=${typed("system")} />`}
            <//>
            <${Field} id="more" label=${t("playground.parameters")} error=${error} hint=${t("playground.parametersHint")}>
              ${(attributes) => html`<textarea ...${attributes} rows="3" class="mono" value=${parameters} spellcheck=${false}
                placeholder=${'{"temperature": 0.2}'} onInput=${typed("parameters")} />`}
            <//>
          </div>
        </details>
      </section>
      <section class="card talk" aria-label=${t("playground.talk")}>
        <div class="turns" tabindex="0" role="log" aria-label=${t("playground.talk")} aria-busy=${isRunning}>
          ${!turns.length && html`<${Empty} icon="chat" title=${t("playground.empty")}><p>${t("playground.emptyHint")}</p><//>`}
          ${turns.map((turn, at) => html`<${Turn} key=${at} turn=${turn} />`)}
          <span ref=${end}></span>
        </div>
        <form class="composer" onSubmit=${send}>
          <textarea id="message" aria-label=${t("playground.message")} rows="2" value=${draft}
            placeholder=${t("playground.messagePlaceholder")} onInput=${typed("draft")} onKeyDown=${onKeyDown} />
          <div class="composer-line">
            <button type="button" class="plain" disabled=${!turns.length} onClick=${() => conversation.clear()}>
              <${Icon} name="trash" />${t("playground.clear")}</button>
            <span class="hint">${hasKey ? "" : t("playground.keyNeeded")}</span>
            ${isRunning
              ? html`<button type="button" key="stop" onClick=${() => conversation.stop()}><${Icon} name="stop" />${t("stop")}</button>`
              : html`<button type="submit" key="send" class="primary" disabled=${!canSend}><${Icon} name="send" />${t("playground.send")}</button>`}
          </div>
        </form>
      </section>
    </div>
  `;
}

function Turn({ turn }) {
  if (turn.role === "user") return html`<article class="turn is-user"><div class="bubble"><p class="answer">${turn.content}</p></div></article>`;
  return html`
    <article class="turn is-bot" aria-label=${turn.model}>
      <header><strong>${turn.model}</strong><span class="figures">${figures(turn)}${turn.isStopped ? ` · ${t("playground.stopped")}` : ""}</span></header>
      ${turn.reasoning && html`
        <details class="reasoning" open=${!turn.content}>
          <summary>${t("playground.reasoning")}</summary><${Answer} text=${turn.reasoning} />
        </details>`}
      ${turn.content && html`<${Answer} text=${turn.content} />`}
      ${turn.isRunning && !turn.content && html`<p class="dots" role="img" aria-label=${t("playground.waiting")}><i></i><i></i><i></i></p>`}
      ${turn.failure && html`
        <p class="error">${turn.failure.status ? `HTTP ${turn.failure.status}: ` : ""}${turn.failure.message}</p>
        ${turn.failure.raw && html`<details><summary>${t("test.raw")}</summary><pre class="raw" tabindex="0">${turn.failure.raw}</pre></details>`}`}
    </article>
  `;
}
