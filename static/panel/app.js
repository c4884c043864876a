// The page: its head with undo and the state of saving, the views, what lies above them.
import { html, useEffect, useLayoutEffect, useRef, useSource, useState } from "./dom.js";
import { Connect } from "./connect.js";
import { value } from "./format.js";
import { FileView } from "./file.js";
import { LANGUAGES, currentLanguage, t } from "./i18n.js";
import { Models } from "./models.js";
import { Playground } from "./playground.js";
import { Status, fileError } from "./status.js";
import { Testing } from "./testing.js";
import { ToastStack } from "./toasts.js";
import { Dialog, Empty, Icon, IconButton } from "./widgets.js";

const VIEWS = ["models", "playground", "connect", "file", "status"];
const ICONS = { models: "list", playground: "chat", connect: "plug", file: "file", status: "activity" };

const titles = () => ({
  models: t("view.models"), playground: t("view.playground"), connect: t("view.connect"), file: t("view.file"),
  status: t("view.status"),
});

export function App({ parts, onLanguage }) {
  const { api, base, store, tries, conversation, toasts, theme } = parts;
  const state = useSource(store);
  const { tests } = useSource(tries);
  const [view, setView] = useState(viewInAddress());
  const current = useRef(view);
  const tops = useRef({}); // how far each view was scrolled
  const [testing, setTesting] = useState(null); // the rows to test

  useEffect(() => {
    const follow = () => {
      document.activeElement?.blur(); // what stands in a dialog's field is saved before the dialog goes
      tops.current[current.current] = scrollY;
      current.current = viewInAddress();
      setView(current.current);
      setTesting(null);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    const onKeyDown = (event) => press(event, store);
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  useLayoutEffect(() => scrollTo(0, tops.current[view] ?? 0), [view]);
  useEffect(() => {
    document.title = `${titles()[view]} · poe2openai`;
  }, [view]);

  const openChat = (model) => {
    conversation.set({ model });
    location.hash = "playground";
  };
  const shared = { api, base, store, state, tries, conversation, tests };
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <${Head} ...${{ view, store, state, theme, onLanguage }} />
    <main id="main" tabindex="-1" class=${`view-${view}`}>
      <h1 class="offscreen">${titles()[view]}</h1>
      <${Banners} store=${store} state=${state} />
      ${state.phase === "loading" && html`<${Loading} />`}
      ${state.phase === "failed" && html`<${Failed} failure=${state.failure} onRetry=${() => store.load()} />`}
      ${state.phase === "ready" && html`
        <div hidden=${view !== "models"}><${Models} ...${shared} isVisible=${view === "models"} openTest=${setTesting} openChat=${openChat} /></div>
        ${view === "playground" && html`<${Playground} ...${shared} />`}
        ${view === "connect" && html`<${Connect} ...${shared} />`}
        ${view === "file" && html`<${FileView} ...${shared} />`}
        ${view === "status" && html`<${Status} ...${shared} />`}`}
    </main>
    ${testing && html`<${Testing} tries=${tries} rows=${testing} onClose=${() => setTesting(null)} />`}
    ${state.clash && html`<${Clash} store=${store} state=${state} />`}
    <${ToastStack} toasts=${toasts} />
  `;
}

const viewInAddress = () => (VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : VIEWS[0]);

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** "/" goes to the search; Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y) undo and redo, but a text field undoes its own typing. */
function press(event, store) {
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  const isCommand = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const action = {
    "/": () => !isCommand && !document.querySelector("dialog[open]") && goToSearch,
    z: () => isCommand && (event.shiftKey ? () => store.redo() : () => store.undo()),
    y: () => isCommand && (() => store.redo()),
  }[key]?.();
  if (!action) return;
  event.preventDefault();
  action();
}

function goToSearch() {
  const search = document.getElementById("search");
  if (search?.checkVisibility()) return search.focus();
  location.hash = "models";
  addEventListener("hashchange", () => setTimeout(() => search?.focus()), { once: true });
}

function Head({ view, store, state, theme, onLanguage }) {
  const { undoable, redoable } = state;
  return html`
    <header class="head">
      <a class="brand" href="#models"><span class="logo" aria-hidden="true"></span>poe2openai</a>
      <nav aria-label=${t("views")}>
        ${VIEWS.map((name) => html`
          <a key=${name} href=${`#${name}`} aria-current=${name === view ? "page" : undefined}>
            <${Icon} name=${ICONS[name]} /><span>${titles()[name]}</span></a>`)}
      </nav>
      <div class="tools">
        <${Saving} store=${store} state=${state} />
        <${IconButton} icon="undo" aria-keyshortcuts="Control+Z" disabled=${!undoable} label=${undoable ? t("undo", { label: undoable }) : t("undo.none")} onClick=${() => store.undo()} />
        <${IconButton} icon="redo" aria-keyshortcuts="Control+Shift+Z" disabled=${!redoable} label=${redoable ? t("redo", { label: redoable }) : t("redo.none")} onClick=${() => store.redo()} />
        <${IconButton} icon=${theme.isDark() ? "sun" : "moon"} label=${theme.isDark() ? t("theme.light") : t("theme.dark")} onClick=${theme.flip} />
        <select class="language" aria-label=${t("language")} value=${currentLanguage()} onChange=${(event) => onLanguage(event.target.value)}>
          ${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}
        </select>
      </div>
    </header>
  `;
}

function Saving({ store, state: { saving, failure } }) {
  const texts = { idle: () => "", saving: () => t("saving"), saved: () => t("saved"), failed: () => t("notSaved") };
  return html`
    <span class=${`saving is-${saving}`}>
      <span role="status">${texts[saving]()}</span>
      ${saving === "failed" && html`<button type="button" class="small" title=${failure?.message} onClick=${() => store.retryNow()}>${t("retry")}</button>`}
    </span>
  `;
}

function absent({ status, message }) {
  if (status === 401) return t("banner.password");
  return `${status ? `HTTP ${status}: ${message}` : t("failed.offline")} ${t("banner.old")}`;
}

/** What holds for the whole page: a service that is away, a broken file, a list that could not be fetched, shaping that is off. */
function Banners({ state: { phase, config, list, file, server, absence } }) {
  if (phase !== "ready") return null;
  const broken = file?.error ?? server?.file.error;
  return [
    absence && html`<p key="absence" class="notice is-bad" role="alert"><${Icon} name="alert" /><span>${absent(absence)}</span></p>`,
    broken && html`<p key="file" class="notice is-bad" role="alert"><${Icon} name="alert" /><span>${t("banner.file")} <code>${fileError(broken)}</code></span></p>`,
    list?.error && html`<p key="list" class="notice"><${Icon} name="alert" /><span>${t("banner.list")} ${list.error}</span></p>`,
    config.enable === false && html`<p key="off" class="notice"><${Icon} name="eye-off" /><span>${t("banner.off")} <a href="#file">${t("view.file")}</a></span></p>`,
  ];
}

const Loading = () => html`
  <div class="loading" role="status" aria-label=${t("loading")}>${Array.from({ length: 8 }, (_, at) => html`<div key=${at} class="ghost"></div>`)}</div>
`;

const Failed = ({ failure, onRetry }) => html`
  <${Empty} icon="alert" title=${t("failed.title")}>
    <p>${failure.status ? `HTTP ${failure.status}: ${failure.message}` : t("failed.offline")}</p>
    <button type="button" class="primary" onClick=${onRetry}>${t("retry")}</button>
  <//>
`;

/** Two changed the same place: say so, show both, let one of them stand. */
function Clash({ store, state }) {
  const { label, patches } = state.clash;
  const footer = html`
    <span class="spacer"></span>
    <button type="button" onClick=${() => store.settle(false)}>${t("clash.theirs")}</button>
    <button type="button" class="primary" onClick=${() => store.settle(true)}>${t("clash.ours")}</button>
  `;
  return html`
    <${Dialog} title=${t("clash.title")} onClose=${() => store.settle(false)} footer=${footer}>
      <p>${t("clash.text", { label })}</p>
      <ul class="diff">
        ${patches.map((patch) => html`
          <li key=${patch.target.join(".")}>
            <code class="path">${patch.target.join(".")}</code>
            <span class="values">
              <span><strong>${t("clash.theirsIs")}</strong> ${value(store.savedAt(patch))}</span>
              <span><strong>${t("clash.oursIs")}</strong> ${value(patch.after)}</span>
            </span>
          </li>`)}
      </ul>
    <//>
  `;
}
