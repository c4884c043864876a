// Starts the panel: makes its parts, loads the language and the models, keeps an eye on the server.
import { App } from "./panel/app.js";
import { createApi } from "./panel/api.js";
import { Conversation } from "./panel/conversation.js";
import { html, render } from "./panel/dom.js";
import { preferredLanguage, t, useLanguage } from "./panel/i18n.js";
import { Store } from "./panel/store.js";
import { createTheme, recall, remember } from "./panel/theme.js";
import { Toasts } from "./panel/toasts.js";
import { Tries } from "./panel/tries.js";

const FOLLOW_MS = 10_000;

const base = document.documentElement.dataset.base;
const api = createApi(base);
const toasts = new Toasts();
const store = new Store(api, tell);
const tries = new Tries(base);
const conversation = new Conversation(tries);
const theme = createTheme(draw);
const parts = { api, base, store, tries, conversation, toasts, theme };
let language;

/** What a person should hear of the store. */
function tell(kind, { label, message } = {}) {
  const texts = {
    reloaded: () => t("told.reloaded"),
    merged: () => t("told.merged", { label }),
    stale: () => t("told.stale", { label }),
    refused: () => t("told.refused", { message }),
  };
  toasts.say(texts[kind](), kind === "refused" || kind === "stale");
}

async function choose(name) {
  await useLanguage(name);
  language = name;
  draw();
}

function draw() {
  const onLanguage = (name) => {
    remember("language", name);
    choose(name).catch(() => location.reload()); // the service has been renewed meanwhile
  };
  // The key has everything drawn anew in another language.
  render(html`<${App} key=${language} parts=${parts} onLanguage=${onLanguage} />`, document.getElementById("app"));
}

async function follow() {
  if (document.visibilityState === "visible") await store.follow().catch(() => {}); // the next one may reach it
}

addEventListener("beforeunload", (event) => {
  if (!store.isSettled) event.preventDefault();
});
document.addEventListener("visibilitychange", follow);
setInterval(follow, FOLLOW_MS);

await choose(preferredLanguage(recall("language"), navigator.languages));
await store.load();
await follow();
