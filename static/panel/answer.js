// A bot's answer as nodes, never as HTML: code, pictures, recordings, links, bold; everything else stays text.
import { html, useState } from "./dom.js";
import { t } from "./i18n.js";
import { Icon } from "./widgets.js";

const FENCE = /^```[^\n]*\n([\s\S]*?)(?:^```[ \t]*$|$(?![\s\S]))/m;
const INLINE = /!\[([^\]]*)\]\(([^()\s]+)\)|\[([^\]]+)\]\((https?:\/\/[^()\s]+)\)|(https?:\/\/[^\s<>()"']+)|`([^`\n]+)`|\*\*([^*\n]+)\*\*/g;

export const Answer = ({ text }) => html`<div class="answer">${blocks(text)}</div>`;

function blocks(text) {
  const fence = FENCE.exec(text);
  if (!fence) return inline(text);
  const rest = text.slice(fence.index + fence[0].length);
  const code = html`<pre tabindex="0"><code>${fence[1].trimEnd()}</code></pre>`;
  return [...inline(text.slice(0, fence.index).trimEnd()), code, ...blocks(rest.replace(/^\n+/, ""))];
}

function inline(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const isPicture = match[2] !== undefined;
    const before = text.slice(from, match.index);
    nodes.push(isPicture ? before.trimEnd() : before, node(match));
    from = match.index + match[0].length;
    if (isPicture) from += /^\s*/.exec(text.slice(from))[0].length; // it stands on lines of its own
  }
  return [...nodes, text.slice(from)];
}

function node([, alt, image, words, link, bare, code, strong]) {
  if (image !== undefined) return html`<${Picture} address=${image} alt=${alt} />`;
  if (link ?? bare) return [anchor(link ?? bare, words ?? bare), html`<${Recording} address=${link ?? bare} />`];
  return code !== undefined ? html`<code>${code}</code>` : html`<strong>${strong}</strong>`;
}

const anchor = (address, words) =>
  html`<a href=${address} target="_blank" rel="noopener noreferrer">${words}</a>`;

/** A picture. From Poe or this machine it is shown; from elsewhere only when asked for: its address may tell a secret. */
function Picture({ address, alt }) {
  const [isWanted, setWanted] = useState(false);
  const [isBroken, setBroken] = useState(false);
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url || !["http:", "https:", "data:"].includes(url.protocol)) return alt;
  const isReadable = url.protocol === "http:" && !isLoopback(url.hostname); // on the way, by others
  if (isBroken || isReadable) return anchor(address, alt || address);
  if (!isWanted && !isTrusted(url)) {
    return html`<button type="button" class="small" onClick=${() => setWanted(true)}>
      <${Icon} name="image" />${t("answer.show", { host: url.host })}</button>`;
  }
  return html`<img src=${address} alt=${alt || t("answer.picture")} onError=${() => setBroken(true)} />`;
}

const RECORDINGS = [["video", /\.(mp4|webm|mov)$/i], ["audio", /\.(mp3|wav|ogg|m4a|flac)$/i]];

/** A player below the link to a video or a sound of Poe's; nothing is fetched before it is started. */
function Recording({ address }) {
  const url = URL.canParse(address) ? new URL(address) : null;
  const [kind] = RECORDINGS.find(([, ending]) => url && isTrusted(url) && ending.test(url.pathname)) ?? [];
  return kind ? html`<${kind} src=${address} controls preload="none" />` : null;
}

function isTrusted({ protocol, hostname }) {
  if (protocol === "data:") return true;
  return hostname === "poecdn.net" || hostname.endsWith(".poecdn.net") || isLoopback(hostname);
}

const isLoopback = (hostname) => hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
