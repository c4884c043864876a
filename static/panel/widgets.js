// The page's small parts: icons, dialogs, fields, switches, things to copy.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./dom.js";
import { t } from "./i18n.js";

export const Icon = ({ name }) => html`<span class=${`icon icon-${name}`} aria-hidden="true"></span>`;

/** A button that shows only an icon; `label` is its name and its tooltip. */
export const IconButton = ({ icon, label, ...rest }) => html`
  <button type="button" class="icon-button" aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} /></button>
`;

export const Switch = ({ label, checked, onChange, ...rest }) => html`
  <label class="switch-line">
    <input type="checkbox" role="switch" class="switch" checked=${checked}
      onChange=${(event) => onChange(event.target.checked)} ...${rest} />
    <span>${label}</span>
  </label>
`;

/** A modal dialog: the browser keeps the focus inside and gives it back at the end; Esc and a click beside it close. */
export function Dialog({ title, onClose, className = "", footer, children }) {
  const ref = useRef();
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${ref} class=${className} aria-labelledby="dialog-title" onCancel=${cancel}
      onMouseDown=${(event) => event.target === ref.current && onClose()}>
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2 id="dialog-title">${title}</h2>
          <${IconButton} icon="close" label=${t("close")} onClick=${onClose} />
        </header>
        <div class="dialog-body">${children}</div>
        ${footer && html`<footer class="dialog-foot">${footer}</footer>`}
      </div>
    </dialog>
  `;
}

/** A labelled control with a hint and, at once beside it, what is wrong. `children(attributes)` draws the control. */
export function Field({ id, label, hint, error, children }) {
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`
    <div class=${`field ${error ? "has-error" : ""}`}>
      <label for=${id}>${label}</label>
      ${children({ id, "aria-describedby": described, "aria-invalid": error ? "true" : undefined })}
      ${error && html`<p class="error" id=${`${id}-error`} role="alert"><${Icon} name="alert" />${error}</p>`}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>
  `;
}

/** Several texts, each as a tag with a way to remove it; Enter or a comma ends one, Backspace takes the last back. */
export function Tags({ attributes, values, onChange, onDraft = () => {}, placeholder }) {
  const [draft, setDraft] = useState("");
  const input = useRef();
  const write = (text) => {
    setDraft(text);
    onDraft(text.trim());
  };
  const add = () => {
    const added = draft.split(",").map((each) => each.trim()).filter((each) => each && !values.includes(each));
    write("");
    if (added.length) onChange([...values, ...added]);
  };
  const onKeyDown = (event) => {
    if ((event.key === "Enter" || event.key === ",") && !event.isComposing) {
      event.preventDefault();
      add();
    } else if (event.key === "Backspace" && !draft && values.length) {
      onChange(values.slice(0, -1));
    }
  };
  const remove = (value) => {
    onChange(values.filter((each) => each !== value));
    input.current.focus();
  };
  return html`
    <div class="tags" onClick=${() => input.current.focus()}>
      ${values.map((value) => html`
        <span class="tag" key=${value}>${value}
          <button type="button" aria-label=${t("tags.remove", { value })} onClick=${() => remove(value)}><${Icon} name="close" /></button>
        </span>`)}
      <input ref=${input} ...${attributes} type="text" value=${draft} placeholder=${values.length ? "" : placeholder}
        autocomplete="off" spellcheck=${false}
        onInput=${(event) => write(event.target.value)} onKeyDown=${onKeyDown} onBlur=${add} />
    </div>
  `;
}

export function CopyButton({ text, label = t("copy") }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    const timer = isCopied && setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => setCopied(await copyText(text));
  return html`
    <button type="button" class="small" onClick=${copy}>
      <${Icon} name=${isCopied ? "check" : "copy"} /><span aria-live="polite">${isCopied ? t("copied") : label}</span>
    </button>
  `;
}

/** Over plain HTTP browsers offer no clipboard: then a selection is copied, as it always was. */
async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  const host = document.querySelector("dialog[open]") ?? document.body;
  const focused = document.activeElement;
  host.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return isDone;
}

export const Code = ({ text, label }) => html`
  <div class="code">
    <${CopyButton} text=${text} />
    <pre tabindex="0" role="region" aria-label=${label}><code>${text}</code></pre>
  </div>
`;

/** What there is to see when there is nothing, or something went wrong. */
export const Empty = ({ icon, title, children }) => html`
  <div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>${children}</div>
`;

/** The field for the key to ask bots with. It stays in the memory of this tab. */
export const KeyField = ({ tries }) => html`
  <${Field} id="key" label=${t("key.label")} hint=${t("key.hint")}>
    ${(attributes) => html`<input ...${attributes} type="password" value=${tries.key} autocomplete="off" spellcheck=${false}
      placeholder=${t("key.placeholder")} onInput=${(event) => tries.setKey(event.target.value.trim())} />`}
  <//>
`;
