// The last versions of the file: when, what was different, and the way back.
import { html, useEffect, useState } from "./dom.js";
import { bytes } from "./format.js";
import { ago, t, time } from "./i18n.js";
import { Diff } from "./diff.js";
import { Dialog, Icon } from "./widgets.js";

export function History({ api, store, state }) {
  const [versions, setVersions] = useState(null);
  const [failure, setFailure] = useState(null);
  const [opened, setOpened] = useState(null);
  const load = () => api.history().then(({ data }) => {
    setVersions(data);
    setFailure(null);
  }, setFailure);
  useEffect(() => {
    load();
  }, [state.version]);
  const current = versions?.find((version) => version.current);
  return html`
    <section class="card" aria-labelledby="history">
      <h2 id="history">${t("history.title")}</h2>
      <p>${t("history.lead")}</p>
      ${failure && html`<p class="error" role="alert">${failure.message}</p>`}
      ${versions?.length === 0 && html`<p class="hint">${t("history.none")}</p>`}
      <ul class="versions">
        ${(versions ?? []).map((version) => html`
          <li key=${version.id}>
            <time datetime=${new Date(version.saved_at * 1000).toISOString()} title=${time(version.saved_at)}>
              <strong>${ago(version.saved_at)}</strong><span class="hint">${time(version.saved_at)}</span></time>
            <span class="hint">${bytes(version.size)}</span>
            ${version === current
              ? html`<span class="badge is-good">${t("history.current")}</span>`
              : version.current
              ? html`<span class="badge">${t("history.same")}</span>`
              : html`<button type="button" class="small" aria-label=${t("history.lookAt", { time: time(version.saved_at) })}
                  onClick=${() => setOpened(version)}>${t("history.look")}</button>`}
          </li>`)}
      </ul>
      ${opened && html`<${Version} key=${opened.id} ...${{ api, store }} version=${opened} onClose=${() => setOpened(null)} />`}
    </section>
  `;
}

function Version({ api, store, version, onClose }) {
  const [content, setContent] = useState(null);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    api.version(version.id).then(setContent, setFailure);
  }, []);
  const label = t("change.restore", { time: time(version.saved_at) });
  const restore = () => store.replace(label, (current) => api.restore(version.id, current)).then(onClose, setFailure);
  // The server tells what led from that version to now; restoring goes the other way.
  const changes = (content?.changes ?? []).map(({ path, before, after }) => ({ path, before: after, after: before }));
  const footer = html`
    <span class="spacer"></span>
    <button type="button" onClick=${onClose}>${t("cancel")}</button>
    <button type="button" class="primary" disabled=${!content} onClick=${restore}><${Icon} name="undo" />${t("history.restore")}</button>
  `;
  return html`
    <${Dialog} title=${time(version.saved_at)} className="wide" onClose=${onClose} footer=${footer}>
      ${failure && html`<p class="notice is-bad" role="alert">${failure.status === 409 ? t("history.changed") : failure.message}</p>`}
      ${content && html`
        <h3>${t("history.changes", { n: changes.length })}</h3>
        <${Diff} changes=${changes} />
        <details><summary>${t("history.text")}</summary>
          <pre class="raw" tabindex="0" role="region" aria-label=${t("history.text")}>${content.text}</pre></details>`}
      ${!content && !failure && html`<p class="hint">${t("loading")}</p>`}
    <//>
  `;
}
