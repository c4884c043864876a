// One bot: what Poe says of it, and its options. Each field is saved when it is left.
import { html, useRef, useState } from "./dom.js";
import { botPatch, customPatch, keyOf, optionsOf } from "./config.js";
import { priceInWords, tokens } from "./format.js";
import { day, t } from "./i18n.js";
import { modalityName } from "./models.js";
import {
  ReasoningSelect, ToolsSelect, Unusable, checkAliases, checkName, parseParameters, parseText, parseTokens, writtenParameters,
} from "./options.js";
import { Dialog, Field, Icon, Switch, Tags } from "./widgets.js";

export function Editor({ store, state, row, onClose, onTest, onChat }) {
  const [errors, setErrors] = useState({});
  const held = useRef(false); // whether the last field that was left could not be saved
  const { options, fact } = row;
  const note = (field, message) => setErrors((before) => ({ ...before, [field]: message }));

  const fail = (field, message) => {
    held.current = true;
    note(field, message);
  };
  /** Save one option; `read` makes its value and throws Unusable. Whether it was saved. */
  const commit = async (field, read) => {
    let value;
    try {
      value = read();
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      fail(field, error.message);
      return false;
    }
    note(field, null);
    const patches = [botPatch(state.config, row.id, { [field]: value })];
    try {
      await store.change(t("change.edit", { name: row.name }), patches);
    } catch (failure) {
      fail(fieldIn(failure.param, keyOf(state.config, row.id)) ?? field, failure.message);
      return false;
    }
    return true;
  };
  const close = () => {
    const [before] = [held.current, (held.current = false)];
    document.activeElement?.blur(); // what stands in the field is saved, or said to be wrong
    if (!held.current || before) onClose();
  };
  const remove = () => {
    const patches = [customPatch(state.config, row.id, undefined), reset(state.config, row.id)];
    store.change(t("change.remove", { name: row.name }), patches).catch(store.complain);
    onClose();
  };
  const fields = { row, errors, commit, note };
  const footer = html`
    <button type="button" onClick=${onTest}><${Icon} name="play" />${t("editor.test")}</button>
    <button type="button" onClick=${onChat}><${Icon} name="chat" />${t("editor.chat")}</button>
    <span class="spacer"></span>
    ${row.isCustom
      ? html`<button type="button" class="danger" onClick=${remove}><${Icon} name="trash" />${t("editor.remove")}</button>`
      : html`<button type="button" disabled=${!Object.keys(options).length}
          onClick=${() => store.change(t("change.reset", { name: row.name }), [reset(state.config, row.id)]).catch(store.complain)}>
          <${Icon} name="undo" />${t("editor.reset")}</button>`}
  `;
  return html`
    <${Dialog} title=${row.name} className="sheet" onClose=${close} footer=${footer}>
      <${Facts} row=${row} />
      <div class="form">
        <${Switch} label=${t("editor.shown")} checked=${row.isShown} onChange=${(isOn) => commit("enable", () => (isOn ? undefined : false))} />
        <${Name} ...${fields} rows=${state.rows} />
        <${Aliases} ...${fields} rows=${state.rows} />
        <div class="columns">
          <${Field} id="tools" label=${t("editor.tools")} hint=${t("editor.toolsHint")} error=${errors.tools}>
            ${(attributes) => html`<${ToolsSelect} ...${{ attributes }} value=${options.tools} onChange=${(value) => commit("tools", () => value)} />`}
          <//>
          <${Field} id="reasoning" label=${t("editor.reasoning")} hint=${t("editor.reasoningHint")} error=${errors.reasoning_field}>
            ${(attributes) => html`<${ReasoningSelect} ...${{ attributes }} value=${options.reasoning_field}
              onChange=${(value) => commit("reasoning_field", () => value)} />`}
          <//>
          <${Draft} ...${fields} field="context_length" label=${t("editor.context")} read=${parseTokens}
            placeholder=${t("editor.fromPoe", { value: tokens(fact.context_length) || t("editor.unknown") })} />
          <${Draft} ...${fields} field="max_output_tokens" label=${t("editor.output")} read=${parseTokens}
            placeholder=${t("editor.fromPoe", { value: tokens(fact.max_output_tokens) || t("editor.unknown") })} />
        </div>
        <${Draft} ...${fields} field="parameters" label=${t("editor.parameters")} read=${parseParameters} write=${writtenParameters}
          isLong isCode placeholder=${'{"thinking_budget": 2048}'}
          hint=${fact.parameters.length ? t("editor.parametersKnown", { names: fact.parameters.join(", ") }) : t("editor.parametersHint")} />
        <${Switch} label=${t("editor.replace")} checked=${options.replace_response === true}
          onChange=${(isOn) => commit("replace_response", () => (isOn ? true : undefined))} />
        <${Draft} ...${fields} field="note" label=${t("editor.note")} read=${parseText} isLong placeholder=${t("editor.notePlaceholder")} />
      </div>
    <//>
  `;
}

const reset = (config, id) => {
  const key = keyOf(config, id);
  return { target: ["models", key], before: optionsOf(config, key), after: undefined };
};

/** The option that an error's path names: "models.GPT-5.aliases[0]" → "aliases". */
function fieldIn(param, key) {
  const prefix = `models.${key}.`;
  return param?.startsWith(prefix) ? /^\w+/.exec(param.slice(prefix.length))?.[0] : undefined;
}

function Facts({ row: { id, fact, isCustom } }) {
  const modes = (modalities) => modalities.map(modalityName).join(", ");
  const facts = [
    [t("facts.id"), id],
    [t("facts.owner"), fact.owned_by],
    [t("facts.takes"), modes(fact.input_modalities)],
    [t("facts.gives"), modes(fact.output_modalities)],
    [t("facts.context"), [tokens(fact.context_length), fact.max_output_tokens && t("facts.output", { n: tokens(fact.max_output_tokens) })].filter(Boolean).join(" · ")],
    [t("facts.price"), priceInWords(fact.pricing)],
    [t("facts.tools"), fact.tools_native ? t("facts.toolsNative") : ""],
    [t("facts.created"), fact.created ? day(fact.created) : ""],
  ].filter(([, value]) => value);
  return html`
    <div class="facts">
      ${fact.description && html`<p>${fact.description}</p>`}
      ${!fact.listed && !isCustom && html`<p class="notice">${fact.gone ? t("facts.gone") : t("facts.unlisted")}</p>`}
      <dl>${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    </div>
  `;
}

/** A text that stands as a draft until it is saved; one that was refused stays, with what is wrong. */
function Draft({ row, errors, commit, field, label, hint, placeholder, read, write = String, isLong, isCode, check = () => {}, note }) {
  const [draft, setDraft] = useState(null);
  const saved = row.options[field] === undefined ? "" : write(row.options[field]);
  const leave = async () => {
    if (draft === null) return;
    if (draft === saved || (await commit(field, () => checked(read(draft), check)))) {
      setDraft(null);
      if (draft === saved) note(field, null);
    }
  };
  const look = (text) => {
    setDraft(text);
    note(field, problem(() => checked(read(text), check)));
  };
  const onKeyDown = (event) => event.key === "Enter" && !event.isComposing && (!isLong || event.ctrlKey) && leave();
  const kind = isLong ? "textarea" : "input";
  return html`
    <${Field} id=${`field-${field}`} label=${label} hint=${hint} error=${errors[field]}>
      ${(attributes) => html`<${kind} ...${attributes} class=${isCode ? "mono" : ""} value=${draft ?? saved} placeholder=${placeholder}
        rows=${isLong ? 3 : undefined} autocomplete="off" spellcheck=${false}
        onInput=${(event) => look(event.target.value)} onBlur=${leave} onKeyDown=${onKeyDown} />`}
    <//>
  `;
}

function checked(value, check) {
  check(value);
  return value;
}

function problem(read) {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    throw error;
  }
}

const Name = ({ rows, row, ...rest }) => html`
  <${Draft} ...${rest} row=${row} field="mapping" label=${t("editor.name")} hint=${t("editor.nameHint")} placeholder=${row.id}
    read=${parseText} check=${(name) => checkName(name, row, rows)} />
`;

function Aliases({ row, rows, errors, commit, note }) {
  const save = (aliases) => commit("aliases", () => {
    checkAliases(aliases, row, rows);
    return aliases.length ? aliases : undefined;
  });
  const look = (draft) => note("aliases", problem(() => checkAliases(draft ? [draft] : [], row, rows)));
  return html`
    <${Field} id="aliases" label=${t("editor.aliases")} hint=${t("editor.aliasesHint")} error=${errors.aliases}>
      ${(attributes) => html`<${Tags} attributes=${attributes} values=${row.aliases} onChange=${save} onDraft=${look}
        placeholder=${t("editor.aliasesPlaceholder")} />`}
    <//>
  `;
}
