// The trials a reader has chosen: the group "selected" of figures, and marked rows of tables.
// A document hears of each change by the event "selection".

const selection = {
  numbers: [],
  set(numbers) {
    const known = [...new Set(numbers)].filter((number) => rowOf.has(number));
    if (known.join() === this.numbers.join()) return;
    this.numbers = known;
    page.groups.selected = known;
    document.dispatchEvent(new CustomEvent("selection", { detail: known }));
  },
  toggle(number) {
    const { numbers } = this;
    this.set(numbers.includes(number) ? numbers.filter((one) => one !== number) : [...numbers, number]);
  },
  clear() {
    this.set([]);
  },
};

const choosable = [...document.querySelectorAll("tr[data-trial]")];
const chosenBar = document.getElementById("chosen");
const MOST_NAMED = 6;

function showSelection() {
  const { numbers } = selection;
  for (const row of choosable) row.setAttribute("aria-selected", String(numbers.includes(Number(row.dataset.trial))));
  const named = numbers.slice(0, MOST_NAMED).join(", ") + (numbers.length > MOST_NAMED ? ", …" : "");
  const count = `${numbers.length.toLocaleString("en")} ${numbers.length === 1 ? "trial" : "trials"} chosen`;
  chosenBar.querySelector(".count").textContent = `${count}: ${named}`;
  chosenBar.hidden = !numbers.length;
  document.getElementById("announce").textContent = numbers.length ? count : "No trial chosen";
}

document.addEventListener("selection", showSelection);
document.addEventListener("selection", () => refreshGroup("selected"));
chosenBar.querySelector(".clear").addEventListener("click", () => selection.clear());
addEventListener("keydown", (event) => { if (event.key === "Escape") selection.clear(); });

for (const row of choosable) {
  const toggle = () => selection.toggle(Number(row.dataset.trial));
  row.addEventListener("click", (event) => {
    if (!event.target.closest("button") && getSelection().isCollapsed) toggle();
  });
  row.addEventListener("keydown", (event) => {
    if (event.target !== row) return;
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (event.key === "Enter" || event.key === " ") toggle();
    else if (next) next.focus();
    else return;
    event.preventDefault();
  });
}

// Points of a figure that stand for trials carry their number; a click chooses one, an area all within.
function attachSelection(plot) {
  const numberOf = (point) => (point.data.hoverinfo === "none" ? point.customdata : undefined);
  // A view in space tells a click while the button is still down, at each of its frames, and also where
  // a turn begins: one that ends within a few pixels counts, once.
  let press = { isDown: false, isSpent: false, number: null, x: 0, y: 0 };
  const choose = (number) => {
    press.isSpent = true;
    selection.toggle(number);
  };
  plot.addEventListener("pointerdown", ({ clientX, clientY }) => {
    press = { isDown: true, isSpent: false, number: null, x: clientX, y: clientY };
  }, true);
  addEventListener("pointerup", ({ clientX, clientY }) => {
    if (!press.isDown) return;
    press.isDown = false;
    const isTurn = Math.hypot(clientX - press.x, clientY - press.y) > 4;
    if (isTurn) press.isSpent = true;
    else if (press.number !== null) choose(press.number);
  }, true);
  plot.on("plotly_click", ({ points }) => {
    const number = numberOf(points[0]);
    if (!Number.isInteger(number) || press.isSpent) return;
    if (press.isDown) press.number = number;
    else choose(number);
  });
  plot.on("plotly_selected", (event) => {
    if (!event) return;
    const found = event.points.map(numberOf).filter(Number.isInteger);
    if (new Set(found).size) selection.set(found);
    else refresh(plot);
  });
}
