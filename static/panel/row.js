// One bot in the list. Five hundred stand here at once: what is in a line is drawn again only if its bot changed.
import { Component, html } from "./dom.js";
import { duration, price, priceInWords, tokens } from "./format.js";
import { t } from "./i18n.js";
import { modalityName } from "./models.js";
import { Icon } from "./widgets.js";

export const Row = ({ row, isHidden, isSelected, test }) => html`
  <li class=${`row ${row.isShown ? "" : "is-off"} ${isSelected ? "is-selected" : ""}`} data-id=${row.id} hidden=${isHidden}>
    <${Cells} ...${{ row, isSelected, test }} />
  </li>
`;

class Cells extends Component {
  shouldComponentUpdate(next) {
    return ["row", "isSelected", "test"].some((name) => next[name] !== this.props[name]);
  }

  render({ row, isSelected, test }) {
    const { id, name, fact } = row;
    return html`
      <input type="checkbox" class="check" data-action="select" checked=${isSelected} aria-label=${t("row.select", { name })} />
      <div class="who">
        <div class="names">
          <button type="button" class="name" data-action="edit" title=${t("row.edit", { name })}>${name}</button>
          ${row.isRenamed && html`<span class="was" title=${t("row.was")}>${id}</span>`}
          ${row.aliases.map((alias) => html`<span class="alias" key=${alias}>${alias}</span>`)}
          <${Badges} row=${row} />
        </div>
        <p class="about">${row.options.note || fact.description || ""}</p>
      </div>
      <${Modalities} fact=${fact} />
      <span class="context" title=${t("row.context")}>${tokens(row.options.context_length ?? fact.context_length)}</span>
      <span class="price" title=${priceInWords(fact.pricing)}>${price(fact.pricing)}</span>
      <${Outcome} test=${test} />
      <button type="button" class="icon-button" data-action="test" title=${t("row.test", { name })} aria-label=${t("row.test", { name })}>
        <${Icon} name="play" /></button>
      <input type="checkbox" role="switch" class="switch" data-action="toggle" checked=${row.isShown}
        title=${t("row.show", { name })} aria-label=${t("row.show", { name })} />
    `;
  }
}

const Badges = ({ row }) => [
  row.conflict && html`<span class="badge is-bad" key="conflict">${t("badge.conflict", { name: row.conflict })}</span>`,
  row.isCustom && html`<span class="badge" key="custom">${t("badge.custom")}</span>`,
  row.fact.new && html`<span class="badge is-good" key="new">${t("badge.new")}</span>`,
  row.fact.gone && html`<span class="badge is-bad" key="gone">${t("badge.gone")}</span>`,
  !row.fact.listed && !row.isCustom && !row.fact.gone && html`<span class="badge" key="unlisted">${t("badge.unlisted")}</span>`,
];

function Modalities({ fact: { input_modalities: inputs, output_modalities: outputs } }) {
  if (!inputs.length && !outputs.length) return html`<span class="modes"></span>`;
  const words = t("row.modes", { inputs: inputs.map(modalityName).join(", "), outputs: outputs.map(modalityName).join(", ") });
  const icons = (modalities) => modalities.map((each) => html`<${Icon} key=${each} name=${each} />`);
  return html`
    <span class="modes" role="img" aria-label=${words} title=${words}>
      ${icons(inputs)}<${Icon} name="arrow" />${icons(outputs)}
    </span>`;
}

function Outcome({ test }) {
  if (!test) return html`<span class="outcome"></span>`;
  const texts = {
    waiting: () => "…",
    running: () => "…",
    passed: () => duration(test.firstMs ?? test.totalMs),
    failed: () => String(test.status || t("test.failed")),
  };
  return html`<span class=${`outcome is-${test.state}`}>${texts[test.state]()}</span>`;
}
