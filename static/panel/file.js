// The file as a whole: its switches, the token, import and export, and its history.
import { html, useState } from "./dom.js";
import { switchPatch } from "./config.js";
import { t } from "./i18n.js";
import { History } from "./history.js";
import { Transfer } from "./transfer.js";
import { Field, Switch } from "./widgets.js";

export const FileView = ({ api, store, state }) => html`
  <div class="file">
    <${Switches} store=${store} state=${state} />
    <${Transfer} ...${{ api, store, state }} />
    <${History} ...${{ api, store, state }} />
  </div>
`;

function Switches({ store, state: { config } }) {
  const flip = (name, label, isOn) => store.change(label, [switchPatch(config, name, isOn)]).catch(store.complain);
  return html`
    <section class="card" aria-labelledby="switches">
      <h2 id="switches">${t("file.settings")}</h2>
      <${Switch} label=${t("file.enable")} checked=${config.enable !== false}
        onChange=${(isOn) => flip("enable", isOn ? t("change.shapingOn") : t("change.shapingOff"), isOn)} />
      <p class="hint under-switch">${t("file.enableHint")}</p>
      <${Switch} label=${t("file.v1")} checked=${config.use_v1_api === true}
        onChange=${(isOn) => flip("use_v1_api", t("change.v1"), isOn)} />
      <p class="hint under-switch">${t("file.v1Hint")}</p>
      <${Token} store=${store} isSet=${config.api_token_set} />
    </section>
  `;
}

function Token({ store, isSet }) {
  const [draft, setDraft] = useState(null); // null: nothing is being typed
  const [error, setError] = useState(null);
  const write = async (token) => {
    try {
      await store.setToken(token);
      setDraft(null);
      setError(null);
    } catch (failure) {
      setError(failure.message);
    }
  };
  const submit = (event) => {
    event.preventDefault();
    if (draft.trim()) write(draft.trim());
  };
  if (draft === null) {
    return html`
      <div class="token" role="group" aria-label=${t("token.label")}>
        <strong>${t("token.label")}</strong>
        <span class=${`badge ${isSet ? "is-good" : ""}`}>${isSet ? t("token.set") : t("token.unset")}</span>
        <button type="button" class="small" onClick=${() => setDraft("")}>${isSet ? t("token.replace") : t("token.add")}</button>
        ${isSet && html`<button type="button" class="small" onClick=${() => write(null)}>${t("token.remove")}</button>`}
        ${error && html`<p class="error" role="alert">${error}</p>`}
        <p class="hint">${t("token.hint")}</p>
      </div>`;
  }
  return html`
    <form class="token" onSubmit=${submit}>
      <${Field} id="token" label=${t("token.label")} hint=${t("token.once")} error=${error}>
        ${(attributes) => html`<input ...${attributes} type="password" autocomplete="off" spellcheck=${false} autofocus value=${draft}
          onInput=${(event) => setDraft(event.target.value)} />`}
      <//>
      <div class="line">
        <button type="submit" class="primary" disabled=${!draft.trim()}>${t("token.save")}</button>
        <button type="button" onClick=${() => setDraft(null)}>${t("cancel")}</button>
      </div>
    </form>
  `;
}
