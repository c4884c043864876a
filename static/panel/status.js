// The state of the service: what runs, whether Poe answers, how the file is, what the cache holds.
import { html } from "./dom.js";
import { bytes } from "./format.js";
import { ago, number, t, time } from "./i18n.js";
import { Empty, Icon } from "./widgets.js";

export function Status({ state: { server, absence } }) {
  if (!server) return html`<${Empty} icon="clock" title=${t("loading")} />`;
  return html`
    <div class="status">
      <${Card} title=${t("status.service")} isGood=${!absence} word=${absence ? t("status.unreachable") : t("status.running")} rows=${[
        [t("status.version"), server.version],
        [t("status.started"), server.started_at && html`<${Moment} seconds=${server.started_at} />`],
        [t("status.workers"), number(server.workers)],
      ]} />
      <${PoeCard} poe=${server.poe} />
      <${FileCard} file=${server.file} />
      <${CacheCard} cache=${server.cache} />
      ${server.settings && html`<${Card} title=${t("status.settings")} isWide rows=${Object.entries(server.settings).map(([name, content]) =>
        [html`<code>${name.toUpperCase()}</code>`, String(content ?? "")])} />`}
    </div>
  `;
}

const Moment = ({ seconds }) => html`<time datetime=${new Date(seconds * 1000).toISOString()} title=${time(seconds)}>${ago(seconds)}</time>`;

function PoeCard({ poe }) {
  const words = { true: t("status.reachable"), false: t("status.unreachable"), null: t("status.unknown") };
  return html`<${Card} title="Poe" isGood=${poe.reachable} word=${words[poe.reachable]} error=${poe.error} rows=${[
    [t("status.checked"), poe.checked_at && html`<${Moment} seconds=${poe.checked_at} />`],
    [t("status.bots"), poe.models !== null && number(poe.models)],
  ]} />`;
}

function FileCard({ file }) {
  const word = file.error ? t("status.broken") : file.exists ? t("status.read") : t("status.absent");
  return html`<${Card} title=${t("status.file")} isGood=${file.error ? false : file.exists || null} word=${word}
    error=${file.error && fileError(file.error)} rows=${[
      [t("status.path"), html`<code>${file.path}</code>`],
      [t("status.modified"), file.modified && html`<${Moment} seconds=${file.modified} />`],
      [t("status.tag"), html`<code>${file.version?.slice(0, 12)}</code>`],
    ]} />`;
}

/** What is wrong in the file, and where. */
export function fileError({ message, path, line }) {
  const place = [line && t("status.line", { line: String(line) }), path].filter(Boolean).join(", ");
  return place ? `${place}: ${message}` : message;
}

function CacheCard({ cache }) {
  const asked = cache.hits + cache.misses;
  return html`<${Card} title=${t("status.cache")} rows=${[
    [t("status.entries"), number(cache.entries)],
    [t("status.size"), t("status.sizeOf", { size: bytes(cache.bytes), limit: bytes(cache.limit_bytes) })],
    [t("status.hits"), asked ? t("status.hitsOf", { hits: cache.hits, asked, share: number(cache.hits / asked, { style: "percent" }) }) : number(0)],
    [t("status.uploads"), number(cache.uploads)],
    [t("status.evictions"), number(cache.evictions)],
  ]} />`;
}

function Card({ title, word, isGood = null, error, rows, isWide }) {
  const kind = isGood === true ? "is-good" : isGood === false ? "is-bad" : "";
  return html`
    <section class=${`card ${isWide ? "is-wide" : ""}`} aria-label=${title}>
      <header class="card-head"><h2>${title}</h2>${word && html`<span class=${`badge ${kind}`}>${word}</span>`}</header>
      ${error && html`<p class="notice is-bad"><${Icon} name="alert" />${error}</p>`}
      <dl class="pairs">${rows.filter(([, content]) => content).map(([name, content], at) => html`<div key=${at}><dt>${name}</dt><dd>${content}</dd></div>`)}</dl>
    </section>
  `;
}
