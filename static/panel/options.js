// A bot's options as a person writes them: parsed, checked, and the controls that several dialogs share.
import { html } from "./dom.js";
import { t } from "./i18n.js";
import { holderOf } from "./catalog.js";
import { fold } from "./config.js";

/** A text that cannot be an option; its message stands beside the field. */
export class Unusable extends Error {}

/** JSON of an object, or nothing. */
export function parseParameters(text) {
  if (!text.trim()) return undefined;
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Unusable(t("error.json", { message: error.message }));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Unusable(t("error.object"));
  return Object.keys(value).length ? value : undefined;
}

export const writtenParameters = (value) => (value ? JSON.stringify(value, null, 2) : "");

/** A number of tokens: 200000, 200k or 1M; or nothing. */
export function parseTokens(text) {
  if (!text.trim()) return undefined;
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([kKmM]?)$/.exec(text.trim().replaceAll(",", "")) ?? [];
  const value = Math.round(Number(digits) * { k: 1e3, m: 1e6 }[unit?.toLowerCase()] || Number(digits));
  if (!Number.isSafeInteger(value) || value < 1) throw new Unusable(t("error.tokens"));
  return value;
}

export const parseText = (text) => text.trim() || undefined;

/** A name for `row`: not one that clients see for another bot. What is hidden may have any. */
export function checkName(name, row, rows) {
  const holder = name && row.isShown && holderOf(name, rows, row.id);
  if (holder) throw new Unusable(t("error.taken", { name, holder: holder.id }));
}

export function checkAliases(aliases, row, rows) {
  for (const alias of aliases) {
    if (fold(alias) === fold(row.name)) throw new Unusable(t("error.ownName", { name: alias }));
    checkName(alias, row, rows);
  }
}

export const ToolsSelect = ({ attributes, value, onChange }) => html`
  <select ...${attributes} value=${value ?? ""} onChange=${(event) => onChange(event.target.value || undefined)}>
    <option value="">${t("tools.unset")}</option>
    <option value="native">${t("tools.native")}</option>
    <option value="xml">${t("tools.xml")}</option>
    <option value="off">${t("tools.off")}</option>
    <option value="auto">${t("tools.auto")}</option>
  </select>
`;

export const ReasoningSelect = ({ attributes, value, onChange }) => html`
  <select ...${attributes} value=${value ?? ""} onChange=${(event) => onChange(event.target.value || undefined)}>
    <option value="">${t("reasoning.unset")}</option>
    <option value="reasoning_content">reasoning_content</option>
    <option value="reasoning">reasoning</option>
    <option value="both">${t("reasoning.both")}</option>
  </select>
`;
