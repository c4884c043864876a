// Options for a whole selection: only what is ticked changes, all of it as one step.
import { html, useState } from "./dom.js";
import { botPatch, fold, keyOf, optionsOf } from "./config.js";
import { t } from "./i18n.js";
import { ReasoningSelect, ToolsSelect, Unusable, parseParameters, parseText, parseTokens } from "./options.js";
import { claimsOf } from "./catalog.js";
import { Dialog, Field } from "./widgets.js";

// Each makes, from what was typed, the fields for one bot.
const READERS = {
  mapping: (text, row) => ({ mapping: patterned(text, row) === row.id ? undefined : patterned(text, row) }),
  aliases: (text, row) => ({ aliases: added(row.aliases, patterned(text, row)) }),
  tools: (value) => ({ tools: value }),
  reasoning_field: (value) => ({ reasoning_field: value }),
  replace_response: (value) => ({ replace_response: value === "on" ? true : undefined }),
  parameters: (text) => ({ parameters: parseParameters(text ?? "") }),
  context_length: (text) => ({ context_length: parseTokens(text ?? "") }),
  max_output_tokens: (text) => ({ max_output_tokens: parseTokens(text ?? "") }),
  note: (text) => ({ note: parseText(text ?? "") }),
};

/** A pattern for a row: {name} is the bot's name at Poe, {lower} the same in small letters. */
function patterned(pattern, row) {
  return (pattern ?? "").replaceAll("{name}", row.id).replaceAll("{lower}", fold(row.id)).trim() || undefined;
}

function added(aliases, alias) {
  if (!alias) return undefined;
  return aliases.some((each) => fold(each) === fold(alias)) ? aliases : [...aliases, alias];
}

export function Bulk({ store, state, rows, onClose }) {
  const [values, setValues] = useState({}); // a field that is not in here stays as it is
  const [errors, setErrors] = useState({});
  const set = (field, value) => {
    setValues({ ...values, [field]: value });
    setErrors({ ...errors, [field]: null });
  };
  const tick = (field, isOn) => {
    const { [field]: _, ...rest } = values;
    setValues(isOn ? { ...rest, [field]: undefined } : rest);
  };
  const apply = async () => {
    const outcome = read(values, rows, state);
    if (outcome.errors) return setErrors(outcome.errors);
    try {
      await store.change(t("change.editMany", { n: rows.length }), outcome.patches);
      onClose();
    } catch (failure) {
      setErrors({ all: failure.message });
    }
  };
  const resetAll = () => {
    const patches = rows.map((row) => botPatch(state.config, row.id, cleared(state.config, row.id)));
    store.change(t("change.resetMany", { n: rows.length }), patches).catch(store.complain);
    onClose();
  };
  const line = (field, label, hint, control) => html`
    <div class="bulk-line" key=${field}>
      <input type="checkbox" class="check" aria-label=${t("bulk.change", { label })} checked=${field in values}
        onChange=${(event) => tick(field, event.target.checked)} />
      <${Field} id=${`bulk-${field}`} label=${label} hint=${field in values && hint} error=${errors[field]}>${control}<//>
    </div>`;
  const text = (field, placeholder, kind = "input") => (attributes) => html`
    <${kind} ...${attributes} value=${values[field] ?? ""} placeholder=${placeholder} autocomplete="off" spellcheck=${false}
      class=${kind === "textarea" ? "mono" : ""} onInput=${(event) => set(field, event.target.value)} />`;
  const footer = html`
    <button type="button" class="plain" onClick=${resetAll}>${t("bulk.reset")}</button>
    <span class="spacer"></span>
    <button type="button" onClick=${onClose}>${t("cancel")}</button>
    <button type="button" class="primary" disabled=${!Object.keys(values).length} onClick=${apply}>${t("bulk.apply", { n: rows.length })}</button>
  `;
  return html`
    <${Dialog} title=${t("bulk.title", { n: rows.length })} className="sheet" onClose=${onClose} footer=${footer}>
      <p class="lead">${t("bulk.lead")}</p>
      ${errors.all && html`<p class="notice is-bad" role="alert">${errors.all}</p>`}
      <div class="form">
        ${line("mapping", t("editor.name"), preview(values.mapping, rows), text("mapping", "{lower}"))}
        ${line("aliases", t("bulk.aliases"), preview(values.aliases, rows), text("aliases", "poe/{lower}"))}
        ${line("tools", t("editor.tools"), null, (attributes) => html`
          <${ToolsSelect} ...${{ attributes }} value=${values.tools} onChange=${(value) => set("tools", value)} />`)}
        ${line("reasoning_field", t("editor.reasoning"), null, (attributes) => html`
          <${ReasoningSelect} ...${{ attributes }} value=${values.reasoning_field} onChange=${(value) => set("reasoning_field", value)} />`)}
        ${line("replace_response", t("editor.replace"), null, (attributes) => html`
          <select ...${attributes} value=${values.replace_response ?? ""} onChange=${(event) => set("replace_response", event.target.value)}>
            <option value="">${t("bulk.off")}</option><option value="on">${t("bulk.on")}</option>
          </select>`)}
        ${line("parameters", t("editor.parameters"), null, text("parameters", '{"thinking_budget": 2048}', "textarea"))}
        ${line("context_length", t("editor.context"), null, text("context_length", "200k"))}
        ${line("max_output_tokens", t("editor.output"), null, text("max_output_tokens", "64k"))}
        ${line("note", t("editor.note"), null, text("note", ""))}
      </div>
    <//>
  `;
}

function preview(pattern, rows) {
  const examples = rows.slice(0, 3).map((row) => `${row.id} → ${patterned(pattern, row) ?? row.id}`);
  return `${t("bulk.pattern", { name: "{name}", lower: "{lower}" })} ${examples.join(", ")}${rows.length > 3 ? ", …" : ""}`;
}

const cleared = (config, id) =>
  Object.fromEntries(Object.keys(optionsOf(config, keyOf(config, id)) ?? {}).map((field) => [field, undefined]));

/** { patches } of the ticked fields for all rows, or { errors } by field. */
function read(values, rows, state) {
  const errors = {};
  const fields = rows.map((row) => {
    const parts = Object.entries(values).map(([field, value]) => {
      try {
        return READERS[field](value, row);
      } catch (error) {
        if (!(error instanceof Unusable)) throw error;
        errors[field] = error.message;
        return {};
      }
    });
    return Object.assign({}, ...parts);
  });
  for (const field of ["mapping", "aliases"]) {
    const clash = field in values && clashIn(state.rows, rows, fields);
    if (clash) errors[field] = t("error.taken", clash);
  }
  if (Object.keys(errors).length) return { errors };
  return { patches: rows.map((row, at) => botPatch(state.config, row.id, fields[at])) };
}

/** The first name that two bots would have. */
function clashIn(all, rows, fields) {
  const changed = new Map(rows.map((row, at) => [row.id, fields[at]]));
  const after = all.map((row) => {
    const change = changed.get(row.id) ?? {};
    const name = "mapping" in change ? change.mapping ?? row.id : row.name;
    return { id: row.id, isShown: row.isShown, name, aliases: "aliases" in change ? change.aliases ?? [] : row.aliases };
  });
  for (const [name, ids] of claimsOf(after)) {
    if (ids.length > 1 && ids.some((id) => changed.has(id))) return { name, holder: ids.find((id) => !changed.has(id)) ?? ids[0] };
  }
  return null;
}
