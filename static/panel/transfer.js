// Export as a file; import with a look at what would change first.
import { html, useState } from "./dom.js";
import { t } from "./i18n.js";
import { Diff } from "./diff.js";
import { Dialog, Field, Icon } from "./widgets.js";

export function Transfer({ api, store }) {
  const [isOpen, setOpen] = useState(false);
  return html`
    <section class="card" aria-labelledby="transfer">
      <h2 id="transfer">${t("transfer.title")}</h2>
      <p>${t("transfer.lead")}</p>
      <div class="line">
        <a class="button" href=${api.exportUrl("yaml")} download><${Icon} name="download" />${t("transfer.export", { format: "YAML" })}</a>
        <a class="button" href=${api.exportUrl("json")} download><${Icon} name="download" />${t("transfer.export", { format: "JSON" })}</a>
        <button type="button" onClick=${() => setOpen(true)}><${Icon} name="upload" />${t("transfer.import")}</button>
      </div>
      ${isOpen && html`<${Import} ...${{ api, store }} onClose=${() => setOpen(false)} />`}
    </section>
  `;
}

function Import({ api, store, onClose }) {
  const [text, setText] = useState("");
  const [preview, setPreview] = useState(null);
  const [error, setError] = useState(null);
  const write = (content) => {
    setText(content);
    setPreview(null);
    setError(null);
  };
  const fail = (failure) => {
    setPreview(null);
    setError(failure.status === 409 ? t("transfer.changed") : said(failure));
  };
  const look = () => api.preview(text).then(setPreview, fail);
  const take = () => store.replace(t("change.import"), (version) => api.import(text, version)).then(onClose, fail);
  const choose = async (event) => {
    const [file] = event.target.files;
    if (file) write(await file.text());
  };
  const footer = html`
    <span class="spacer"></span>
    <button type="button" onClick=${onClose}>${t("cancel")}</button>
    ${preview
      ? html`<button type="button" key="take" class="primary" disabled=${!preview.changes.length} onClick=${take}>${t("transfer.take")}</button>`
      : html`<button type="button" key="look" class="primary" disabled=${!text.trim()} onClick=${look}>${t("transfer.look")}</button>`}
  `;
  return html`
    <${Dialog} title=${t("transfer.import")} className="wide" onClose=${onClose} footer=${footer}>
      <div class="form">
        <${Field} id="import-file" label=${t("transfer.file")}>
          ${(attributes) => html`<input ...${attributes} type="file" accept=".yaml,.yml,.json,text/yaml,application/json" onChange=${choose} />`}
        <//>
        <${Field} id="import-text" label=${t("transfer.text")} error=${error} hint=${t("transfer.tokenHint")}>
          ${(attributes) => html`<textarea ...${attributes} class="mono" rows="10" spellcheck=${false} value=${text}
            onInput=${(event) => write(event.target.value)} />`}
        <//>
      </div>
      ${preview && html`
        <section aria-live="polite">
          <h3>${t("transfer.changes", { n: preview.changes.length })}</h3>
          <${Diff} changes=${preview.changes} />
        </section>`}
    <//>
  `;
}

const said = ({ message, param }) => (param && !message.includes(param) ? `${param}: ${message}` : message);
