// Help: how each client is set up for this gateway, ready to copy.
import { html, useEffect, useState } from "./dom.js";
import { clientsFor } from "./clients.js";
import { t } from "./i18n.js";
import { Code, CopyButton, Field, Icon } from "./widgets.js";

export function Connect({ api, base, state }) {
  const names = state.rows.filter((row) => row.isShown).map((row) => row.name);
  const [typed, setTyped] = useState("");
  const [endpoints, setEndpoints] = useState(null);
  const [chosen, setChosen] = useState("cline");
  useEffect(() => {
    api.about().then((about) => setEndpoints(about.endpoints ?? []), () => setEndpoints([]));
  }, []);
  const origin = location.origin + base;
  const model = typed.trim() || names[0] || "Claude-Sonnet-4.5";
  const clients = clientsFor(origin, model);
  const client = clients.find(({ id }) => id === chosen);
  return html`
    <div class="connect">
      <section class="card" aria-labelledby="address">
        <h2 id="address">${t("connect.address")}</h2>
        <div class="address"><code>${origin}/v1</code><${CopyButton} text=${`${origin}/v1`} /></div>
        <p class="hint">${t("connect.keyHint")} <a href="https://poe.com/api_key" target="_blank" rel="noopener noreferrer">poe.com/api_key</a></p>
        <${Field} id="for-model" label=${t("connect.model")}>
          ${(attributes) => html`<input ...${attributes} list="connect-names" value=${typed} placeholder=${model} autocomplete="off"
            spellcheck=${false} onInput=${(event) => setTyped(event.target.value)} />`}
        <//>
        <datalist id="connect-names">${names.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
      </section>
      <section class="card" aria-labelledby="clients">
        <h2 id="clients">${t("connect.clients")}</h2>
        <div class="tabs" role="group" aria-labelledby="clients">
          ${clients.map(({ id, name }) => html`
            <button type="button" key=${id} class="chip" aria-pressed=${id === chosen} onClick=${() => setChosen(id)}>${name}</button>`)}
        </div>
        <${Client} key=${client.id} client=${client} endpoints=${endpoints} />
      </section>
    </div>
  `;
}

function Client({ client, endpoints }) {
  const isMissing = client.needs && endpoints && !endpoints.includes(client.needs);
  return html`
    <div class="client">
      <h3>${client.name}</h3>
      <p>${client.where}</p>
      ${isMissing && html`<p class="notice"><${Icon} name="alert" />${t("connect.missing", { name: client.name, path: client.needs })}</p>`}
      ${!isMissing && client.rows && html`
        <table class="settings"><tbody>
          ${client.rows.map(([setting, value]) => html`
            <tr key=${setting}><th scope="row">${setting}</th><td><code>${value}</code></td><td><${CopyButton} text=${value} /></td></tr>`)}
        </tbody></table>`}
      ${!isMissing && client.code && html`<${Code} text=${client.code} label=${client.name} />`}
      ${!isMissing && client.note && html`<p class="hint">${client.note}</p>`}
    </div>
  `;
}
