// How the search went and how networks learned: columns of the lists by epoch, and choices above figures.

// Lists by head and layer are kept for some trials only; as columns they are empty everywhere else.
function spreadLists({ number: owners, ...lists }) {
  const seen = new Map();
  const places = owners.map((number) => {
    const nth = seen.get(number) ?? 0;
    seen.set(number, nth + 1);
    return epochsOf.get(number)[nth];
  });
  for (const [name, values] of Object.entries(lists)) {
    const column = new Array(page.epochs.number.length).fill(null);
    values.forEach((value, i) => { column[places[i]] = value; });
    page.epochs[name] = column;
  }
}

function setRows(spec, rows) {
  if (spec === null || typeof spec !== "object") return;
  if ("$curve" in spec) spec.rows = rows;
  else Object.values(spec).forEach((part) => setRows(part, rows));
}

function choose(id, key) {
  const { drawing } = page.figures[id];
  const choice = drawing.choices[key];
  if (choice.rows) setRows(drawing.data, choice.rows);
  (choice.data ?? []).forEach((changes, i) => merge(drawing.data[i], changes));
  merge(drawing.layout, { ...choice.layout, uirevision: key });
  const plot = plots.find((one) => one.dataset.figure === id);
  if (!plot.data) return;
  const { data, layout } = figureOf(plot);
  Plotly.react(plot, data, layout, config);
}

for (const button of document.querySelectorAll("button[data-choice]")) {
  button.addEventListener("click", () => {
    for (const other of button.parentElement.children) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    choose(button.dataset.of, button.dataset.choice);
  });
}

for (const list of document.querySelectorAll("select[data-of]")) {
  list.addEventListener("change", () => choose(list.dataset.of, list.value));
}

// Trials chosen on the page stand first in each list; those without lists cannot be chosen.
function offerChosen() {
  for (const list of document.querySelectorAll("select[data-of]")) {
    const shown = list.value;
    list.querySelector("[data-chosen]")?.remove();
    const numbers = page.groups.selected;
    if (!numbers.length) continue;
    const group = element("optgroup");
    group.label = "Chosen";
    group.dataset.chosen = "";
    for (const number of numbers) {
      const isKept = String(number) in page.figures[list.dataset.of].drawing.choices;
      const option = element("option", `trial ${number}${isKept ? "" : ": not in this page"}`);
      option.value = number;
      option.disabled = !isKept;
      group.append(option);
    }
    list.prepend(group);
    list.value = shown;
  }
}

spreadLists(page.lists);
document.addEventListener("selection", offerChosen);
