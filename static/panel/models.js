// The view of all bots: search, filters, groups, selection.
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import { STATUSES, grouped, matcher, modalitiesOf, sorted } from "./catalog.js";
import { botPatch } from "./config.js";
import { Bulk } from "./bulk.js";
import { CustomBot } from "./custom.js";
import { Editor } from "./editor.js";
import { number, t } from "./i18n.js";
import { Row } from "./row.js";
import { Empty, Icon } from "./widgets.js";

const NO_FILTER = { query: "", statuses: [], inputs: [], outputs: [] };
const OPPOSITE = { shown: "hidden", hidden: "shown", new: "gone", gone: "new" };

export function Models({ store, state, tests, isVisible, openTest, openChat }) {
  const [filter, setFilter] = useState(NO_FILTER);
  const [order, setOrder] = useState("name");
  const [isGrouped, setGrouped] = useState(true);
  const [folded, setFolded] = useState(new Set());
  const [selected, setSelected] = useState(new Set());
  const [opened, setOpened] = useState(null); // a bot's id, "bulk", "custom"
  const anchor = useRef(null);
  useLayoutEffect(() => setOpened(null), [isVisible]); // an open dialog blocks the page, also where it is not seen
  const { rows } = state;

  const groups = useMemo(() => {
    const ordered = sorted(rows, order);
    return isGrouped ? grouped(ordered) : [["", ordered]];
  }, [rows, order, isGrouped]);
  const matches = useMemo(() => new Set(rows.filter(matcher(filter)).map((row) => row.id)), [rows, filter]);
  const drawn = useDrawn(groups, matches, folded, filter);
  const chosen = useMemo(() => rows.filter((row) => selected.has(row.id)), [rows, selected]);

  const show = (some, isShown) => {
    const patches = some.map((row) => botPatch(state.config, row.id, { enable: isShown ? undefined : false }));
    const [{ name }] = some;
    const n = some.length;
    const label = isShown
      ? n === 1 ? t("change.show", { name }) : t("change.showMany", { n })
      : n === 1 ? t("change.hide", { name }) : t("change.hideMany", { n });
    store.change(label, patches).catch(store.complain);
  };
  const showOnly = (some) => {
    const kept = new Set(some.map((row) => row.id));
    const patches = rows.map((row) => botPatch(state.config, row.id, { enable: kept.has(row.id) ? undefined : false }));
    store.change(t("change.only", { n: some.length }), patches).catch(store.complain);
  };
  const select = (ids, isOn) => {
    const next = new Set(selected);
    for (const id of ids) isOn ? next.add(id) : next.delete(id);
    setSelected(next);
  };
  const visible = () => groups.flatMap(([owner, some]) => (folded.has(owner) ? [] : some)).filter((row) => matches.has(row.id));
  const pick = (id, isOn, isRange) => {
    const ids = visible().map((row) => row.id);
    const [from, to] = [ids.indexOf(anchor.current), ids.indexOf(id)].sort((one, other) => one - other);
    select(isRange && from >= 0 ? ids.slice(from, to + 1) : [id], isOn);
    anchor.current = id;
  };

  // One listener for all rows; a row is drawn again only when its bot changes.
  const act = useRef();
  act.current = (event) => {
    const { action } = event.target.closest("[data-action]")?.dataset ?? {};
    const id = event.target.closest("[data-id]")?.dataset.id;
    const row = id && rows.find((each) => each.id === id);
    if (!row) return;
    if (action === "toggle") show([row], event.target.checked);
    if (action === "select") pick(id, event.target.checked, event.shiftKey);
    if (action === "edit") setOpened(id);
    if (action === "test") openTest([row]);
  };
  const onClick = useCallback((event) => act.current(event), []);

  const editing = rows.find((row) => row.id === opened);
  const match = [...matches];
  return html`
    <div class="models">
      <${Toolbar} ...${{ rows, filter, setFilter, order, setOrder, isGrouped, setGrouped, matches }} onAdd=${() => setOpened("custom")} />
      <div class="count-line" hidden=${!rows.length}>
        <input type="checkbox" class="check" id="select-all" checked=${match.length > 0 && match.every((id) => selected.has(id))}
          disabled=${!match.length} onChange=${(event) => select(match, event.target.checked)} />
        <p>
          <label class="select-all" for="select-all">${t("models.selectMatching", { n: matches.size })}</label>
          <span role="status">${t("models.count", { n: matches.size, all: rows.length })}</span>
        </p>
        <span>${t("models.modalities")}</span>
        <span class="context">${t("models.context")}</span>
        <span class="price">${t("models.price")}</span>
      </div>
      <div class="list" onClick=${onClick} onKeyDown=${moveByArrows}>
        ${groups.map(([owner, some]) => html`
          <${Group} key=${`group ${owner}`} ...${{ owner, some, matches, drawn, selected, tests, isGrouped }} isFolded=${folded.has(owner)}
            onFold=${() => setFolded(toggled(folded, owner))} onSelect=${select} />`)}
      </div>
      ${!matches.size && html`<${Nothing} isFiltered=${rows.length > 0} list=${state.list} onClear=${() => setFilter(NO_FILTER)} />`}
      ${chosen.length > 0 && html`
        <${Selection} rows=${chosen} onShow=${() => show(chosen, true)} onHide=${() => show(chosen, false)} onOnly=${() => showOnly(chosen)}
          onEdit=${() => setOpened("bulk")} onTest=${() => openTest(chosen)} onClear=${() => setSelected(new Set())} />`}
      ${editing && html`
        <${Editor} key=${editing.id} row=${editing} ...${{ store, state }} onClose=${() => setOpened(null)}
          onTest=${() => openTest([editing])} onChat=${() => openChat(editing.name)} />`}
      ${opened === "bulk" && html`<${Bulk} rows=${chosen} ...${{ store, state }} onClose=${() => setOpened(null)} />`}
      ${opened === "custom" && html`<${CustomBot} ...${{ store, state }} onClose=${() => setOpened(null)} onAdded=${setOpened} />`}
    </div>
  `;
}

const FIRST_ROWS = 40; // more than a screen holds
const MORE_ROWS = 80; // as many as a frame has time for

/** The ids of the rows to draw: what matches, but after a keystroke first those at the top, then more with each frame. */
function useDrawn(groups, matches, folded, filter) {
  const [progress, setProgress] = useState({ filter, count: FIRST_ROWS });
  const count = progress.filter === filter ? progress.count : FIRST_ROWS;
  const isMore = count < matches.size;
  useEffect(() => {
    const timer = isMore && setTimeout(() => setProgress({ filter, count: count + MORE_ROWS }), 20);
    return () => clearTimeout(timer);
  }, [filter, count, isMore]);
  return useMemo(() => {
    const open = groups.flatMap(([owner, some]) => (folded.has(owner) ? [] : some));
    return new Set(open.filter((row) => matches.has(row.id)).slice(0, count).map((row) => row.id));
  }, [groups, matches, folded, count]);
}

function Toolbar({ rows, filter, setFilter, order, setOrder, isGrouped, setGrouped, onAdd }) {
  const counts = useMemo(
    () => Object.fromEntries(Object.entries(STATUSES).map(([status, holds]) => [status, rows.filter(holds).length])),
    [rows],
  );
  const inputs = useMemo(() => modalitiesOf(rows, "input_modalities").filter((each) => each !== "text"), [rows]);
  const outputs = useMemo(() => modalitiesOf(rows, "output_modalities"), [rows]);
  const flip = (part, value) => {
    const others = filter[part].filter((each) => each !== OPPOSITE[value]);
    setFilter({ ...filter, [part]: others.includes(value) ? others.filter((each) => each !== value) : [...others, value] });
  };
  const chips = (part, values, label, count) => values.map((value) => html`
    <button type="button" class="chip" key=${value} aria-pressed=${filter[part].includes(value)} onClick=${() => flip(part, value)}>
      ${label(value)}${count && html`<span class="chip-count">${number(count[value])}</span>`}
    </button>`);
  const isOn = (status) => counts[status] > 0 || filter.statuses.includes(status);
  const statuses = Object.keys(STATUSES).filter((status) => status === "shown" || status === "hidden" || isOn(status));
  return html`
    <div class="toolbar">
      <div class="toolbar-line">
        <div class="search">
          <${Icon} name="search" />
          <input id="search" type="search" aria-keyshortcuts="/" value=${filter.query} placeholder=${t("models.search", { n: rows.length })}
            aria-label=${t("models.searchLabel")} autocomplete="off" spellcheck=${false}
            onInput=${(event) => setFilter({ ...filter, query: event.target.value })} />
          <kbd aria-hidden="true">/</kbd>
        </div>
        <label class="inline-select"><span>${t("models.sort")}</span>
          <select aria-label=${t("models.sort")} value=${order} onChange=${(event) => setOrder(event.target.value)}>
            <option value="name">${t("sort.name")}</option>
            <option value="owner">${t("sort.owner")}</option>
            <option value="price">${t("sort.price")}</option>
            <option value="context">${t("sort.context")}</option>
            <option value="newest">${t("sort.newest")}</option>
          </select>
        </label>
        <button type="button" aria-pressed=${isGrouped} class="toggle" onClick=${() => setGrouped(!isGrouped)}>
          <${Icon} name="group" />${t("models.group")}</button>
        <button type="button" class="primary" onClick=${onAdd}><${Icon} name="plus" />${t("models.add")}</button>
      </div>
      <div class="chips">
        <div role="group" aria-label=${t("models.filters")}>${chips("statuses", statuses, statusLabel, counts)}</div>
        ${inputs.length > 0 && html`
          <div role="group" aria-labelledby="takes">
            <span class="chips-label" id="takes">${t("models.takes")}</span>${chips("inputs", inputs, modalityLabel)}
          </div>`}
        ${outputs.length > 0 && html`
          <div role="group" aria-labelledby="gives">
            <span class="chips-label" id="gives">${t("models.gives")}</span>${chips("outputs", outputs, modalityLabel)}
          </div>`}
      </div>
    </div>
  `;
}

const statusLabel = (status) => ({
  shown: t("filter.shown"), hidden: t("filter.hidden"), renamed: t("filter.renamed"), custom: t("filter.custom"),
  new: t("filter.new"), gone: t("filter.gone"), conflict: t("filter.conflict"),
})[status];

export const modalityName = (modality) => ({
  text: t("modality.text"), image: t("modality.image"), video: t("modality.video"), audio: t("modality.audio"),
  file: t("modality.file"),
})[modality] ?? modality;

const modalityLabel = (modality) => html`<${Icon} name=${modality} />${modalityName(modality)}`;

function Group({ owner, some, matches, drawn, selected, tests, isGrouped, isFolded, onFold, onSelect }) {
  const matching = some.filter((row) => matches.has(row.id)).map((row) => row.id);
  const shown = some.filter((row) => row.isShown).length;
  const name = owner || t("models.noOwner");
  return html`
    <section class="group" hidden=${!matching.length || !(isFolded || some.some((row) => drawn.has(row.id)))} aria-label=${isGrouped ? name : t("models.title")}>
      ${isGrouped && html`
        <div class="group-head">
          <input type="checkbox" class="check" aria-label=${t("models.selectGroup", { name })}
            checked=${matching.every((id) => selected.has(id))} onChange=${(event) => onSelect(matching, event.target.checked)} />
          <h2><button type="button" aria-expanded=${!isFolded} onClick=${onFold}>
            <${Icon} name="chevron" /><span class="owner">${name}</span>
            <span class="group-count">${t("models.groupCount", { shown: number(shown), all: number(some.length) })}</span>
          </button></h2>
        </div>`}
      <ul hidden=${isFolded}>
        ${some.map((row) => html`
          <${Row} key=${row.id} row=${row} isHidden=${!drawn.has(row.id)} isSelected=${selected.has(row.id)} test=${tests.get(row.id)} />`)}
      </ul>
    </section>
  `;
}

const Selection = ({ rows, onShow, onHide, onOnly, onEdit, onTest, onClear }) => html`
  <div class="selection" role="region" aria-label=${t("selection.title")}>
    <strong>${t("selection.count", { n: rows.length })}</strong>
    <button type="button" onClick=${onShow}><${Icon} name="eye" />${t("selection.show")}</button>
    <button type="button" onClick=${onHide}><${Icon} name="eye-off" />${t("selection.hide")}</button>
    <button type="button" onClick=${onOnly} title=${t("selection.onlyHint")}><${Icon} name="filter" />${t("selection.only")}</button>
    <button type="button" onClick=${onEdit}><${Icon} name="edit" />${t("selection.edit")}</button>
    <button type="button" onClick=${onTest}><${Icon} name="play" />${t("selection.test")}</button>
    <button type="button" class="plain" onClick=${onClear}><${Icon} name="close" />${t("selection.clear")}</button>
  </div>
`;

const Nothing = ({ isFiltered, list, onClear }) => isFiltered
  ? html`<${Empty} icon="search" title=${t("models.noMatch")}>
      <button type="button" onClick=${onClear}>${t("models.clear")}</button><//>`
  : html`<${Empty} icon="alert" title=${t("models.none")}><p>${list?.error ?? (list?.fetched_at ? t("models.emptyList") : t("models.noneYet"))}</p><//>`;

/** Up and down go to the same control of the next row. */
function moveByArrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const action = event.target.dataset?.action;
  if (!step || !action) return;
  event.preventDefault();
  const controls = [...event.currentTarget.querySelectorAll(`[data-action="${action}"]`)];
  const visible = controls.filter((each) => each.checkVisibility());
  visible[visible.indexOf(event.target) + step]?.focus();
}

function toggled(set, value) {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}
