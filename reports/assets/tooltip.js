// What a trial is: its number, objectives, params and other metrics, in a box beside the pointer.

const tooltip = document.getElementById("tooltip");
const NARROW = 560;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function pairs(entries, className) {
  const list = element("dl", undefined, className);
  for (const [label, text] of entries) list.append(element("dt", label), element("dd", text));
  return list;
}

function metricEntry(name, value) {
  const { label, unit, kind } = page.metrics[name];
  return [label, `${numberText(value, kind)}${value === null ? "" : `\u00a0${unit}`}`.trim()];
}

function standing(number) {
  const state = page.columns.state[rowOf.get(number)];
  if (state !== "complete") return page.states[state];
  if (!page.groups.measured.includes(number)) return "not within the limits";
  if (number === page.knee) return "knee of the front";
  if (page.groups.near.includes(number)) return "dominated, within the noise of the front";
  return page.groups.front.includes(number) ? "on the front" : "dominated";
}

function describe(number) {
  const row = rowOf.get(number);
  const at = (name) => page.columns[name][row];
  const title = element("h4", `Trial ${number} `);
  title.append(element("span", standing(number)));
  const spreads = page.spreads[number] ?? {};
  const objectives = page.objectives.flatMap((name) => [
    metricEntry(name, at(`value.${name}`) ?? page.columns[`metric.${name}`]?.[row] ?? null),
    ...(spreads[name] ? [["over seeds", spreads[name]]] : []),
  ]);
  const active = page.params.filter((param) => at(`param.${param.name}`) !== null);
  const settings = active.map((param) => [param.label, numberText(at(`param.${param.name}`))]);
  const measured = Object.keys(page.metrics).filter(
    (name) => !page.objectives.includes(name) && (at(`metric.${name}`) ?? null) !== null,
  );
  const left = element("div");
  left.append(pairs(objectives, "first"), pairs(measured.map((name) => metricEntry(name, at(`metric.${name}`))), "more"));
  const sides = element("div", undefined, "sides");
  sides.append(left, pairs(settings, "params"));
  tooltip.replaceChildren(title, sides);
}

function showTooltip(number, x, y) {
  describe(number);
  tooltip.hidden = false;
  if (innerWidth <= NARROW) {
    tooltip.style.left = tooltip.style.top = "";
    return;
  }
  const { width, height } = tooltip.getBoundingClientRect();
  const left = x + 18 + width < innerWidth - 12 ? x + 18 : Math.max(12, x - 18 - width);
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${Math.max(12, Math.min(y - 24, innerHeight - height - 12))}px`;
}

function hideTooltip() {
  tooltip.hidden = true;
}

function attachTooltip(plot) {
  let pointer = { clientX: 0, clientY: 0 };
  plot.addEventListener("pointermove", (event) => { pointer = event; });
  const show = (event) => {
    const point = event.points[0];
    if (Number.isInteger(point.customdata) && point.data.hoverinfo === "none") {
      const place = event.event?.clientX === undefined ? pointer : event.event;
      showTooltip(point.customdata, place.clientX, place.clientY);
    }
  };
  plot.on("plotly_hover", show);
  plot.on("plotly_click", show);
  plot.on("plotly_unhover", hideTooltip);
}

addEventListener("scroll", hideTooltip, { passive: true });
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTooltip(); });
addEventListener("pointerdown", (event) => { if (!event.target.closest(".plot")) hideTooltip(); });
