// A bot that Poe does not list: a private one, or one that is not in its list yet.
import { html, useState } from "./dom.js";
import { botPatch, customPatch, fold } from "./config.js";
import { holderOf } from "./catalog.js";
import { t } from "./i18n.js";
import { Dialog, Field } from "./widgets.js";

export function CustomBot({ store, state, onClose, onAdded }) {
  const [id, setId] = useState("");
  const [owner, setOwner] = useState("");
  const [name, setName] = useState("");
  const [refusal, setRefusal] = useState(null); // { field, message }
  const owners = [...new Set(state.rows.map((row) => row.fact.owned_by))].filter(Boolean);
  const own = id.trim();
  const taken = own && state.rows.find((row) => row.isCustom || row.fact.listed ? fold(row.id) === fold(own) : false);
  const holder = own && !taken && holderOf(name.trim() || own, state.rows, own);
  const errors = {
    id: taken ? t("custom.exists", { id: taken.id }) : holder && !name.trim() ? t("error.taken", { name: own, holder: holder.id }) : null,
    name: holder && name.trim() ? t("error.taken", { name: name.trim(), holder: holder.id }) : null,
    ...(refusal && { [refusal.field]: refusal.message }),
  };
  const typed = (set) => (event) => {
    set(event.target.value);
    setRefusal(null);
  };
  const add = async (event) => {
    event.preventDefault();
    if (!own) return setRefusal({ field: "id", message: t("custom.needed") });
    if (taken || holder) return;
    const entry = { id: own, created: Math.floor(Date.now() / 1000), owned_by: owner.trim() || t("custom.owner") };
    const patches = [customPatch(state.config, own, entry)];
    if (name.trim()) patches.push(botPatch(state.config, own, { mapping: name.trim() }));
    try {
      await store.change(t("change.add", { name: own }), patches);
      onAdded(own);
    } catch (failure) {
      const [field] = /(id|owned_by|mapping)(?=\[|$)/.exec(failure.param ?? "") ?? ["id"];
      setRefusal({ field: { owned_by: "owner", mapping: "name" }[field] ?? "id", message: failure.message });
    }
  };
  const footer = html`
    <span class="spacer"></span>
    <button type="button" onClick=${onClose}>${t("cancel")}</button>
    <button type="submit" form="custom" class="primary">${t("custom.add")}</button>
  `;
  return html`
    <${Dialog} title=${t("custom.title")} onClose=${onClose} footer=${footer}>
      <p class="lead">${t("custom.lead")}</p>
      <form id="custom" class="form" onSubmit=${add} novalidate>
        <${Field} id="custom-id" label=${t("custom.id")} hint=${t("custom.idHint")} error=${errors.id}>
          ${(attributes) => html`<input ...${attributes} value=${id} autocomplete="off" spellcheck=${false} autofocus onInput=${typed(setId)} />`}
        <//>
        <${Field} id="custom-name" label=${t("custom.name")} hint=${t("editor.nameHint")} error=${errors.name}>
          ${(attributes) => html`<input ...${attributes} value=${name} placeholder=${own} autocomplete="off" spellcheck=${false} onInput=${typed(setName)} />`}
        <//>
        <${Field} id="custom-owner" label=${t("facts.owner")} error=${errors.owner}>
          ${(attributes) => html`<input ...${attributes} value=${owner} list="owners" placeholder=${t("custom.owner")} autocomplete="off" onInput=${typed(setOwner)} />`}
        <//>
        <datalist id="owners">${owners.map((each) => html`<option key=${each} value=${each} />`)}</datalist>
      </form>
    <//>
  `;
}
