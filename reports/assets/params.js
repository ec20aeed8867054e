// The sections about params: which objective they show, and brushing in parallel coordinates.

// All stacks of figures have one for each objective; a choice above one of them counts for all.
function showObjective(place) {
  for (const choice of document.querySelectorAll("select[data-stack]")) choice.value = String(place);
  for (const stack of document.querySelectorAll(".stack")) {
    stack.dataset.shown = String(place);
    [...stack.children].forEach((child, i) => child.classList.toggle("shown", i === place));
  }
}

for (const choice of document.querySelectorAll("select[data-stack]")) {
  choice.addEventListener("change", () => showObjective(Number(choice.value)));
}

// The trials inside all ranges that are kept along the axes; null where no axis has one.
function keptTrials(trace) {
  const brushed = trace.dimensions.filter((axis) => axis.constraintrange?.length);
  if (!brushed.length) return null;
  const isInside = (axis, row) => {
    const ranges = Array.isArray(axis.constraintrange[0]) ? axis.constraintrange : [axis.constraintrange];
    return ranges.some(([low, high]) => low <= axis.values[row] && axis.values[row] <= high);
  };
  return trials("measured").filter((_, row) => brushed.every((axis) => isInside(axis, row)));
}

const parallel = document.querySelector("[data-figure='parallel']");
const brush = document.querySelector("[data-keep]");
const release = document.querySelector("[data-release]");
let isBrushing = false;

// What is kept becomes the page's selection; nothing kept clears it.
function tellKept() {
  const kept = keptTrials(parallel.data[0]);
  const all = trials("measured").length;
  const onFront = kept?.filter((number) => page.groups.front.includes(number)).length;
  document.querySelector("[data-kept]").textContent =
    kept === null ? "" : `${kept.length} of ${all} trials kept, ${onFront} of them on the front`;
  release.hidden = kept === null;
  if (kept === null) brush.value = "";
  if (typeof selection === "undefined") return;
  isBrushing = true;
  if (kept !== null) selection.set(kept);
  else if ([...selection.numbers].length) selection.clear();
  isBrushing = false;
}

// Keep a range along one axis and let go of all others; without a range let go of all.
function keep(axis, range) {
  const ranges = parallel.data[0].dimensions.map((_, i) => [
    `dimensions[${i}].constraintrange`,
    i === axis ? [range] : null,
  ]);
  return Plotly.restyle(parallel, Object.fromEntries(ranges));
}

if (parallel) {
  const drawn = new MutationObserver(() => {
    drawn.disconnect();
    if (parallel.data) parallel.on("plotly_restyle", tellKept);
  });
  drawn.observe(parallel, { attributes: true, attributeFilter: ["data-drawn"] });
  brush.addEventListener("change", async () => {
    const wanted = brush.value;
    const [axis, low, high] = wanted.split(" ").map(Number);
    await draw(parallel);
    await (wanted === "" ? keep() : keep(axis, [low, high]));
    brush.value = wanted;
  });
  release.addEventListener("click", () => {
    brush.focus();
    keep();
  });
  document.addEventListener("selection", () => {
    // The lines that a brush keeps stand out already, and keep their colours.
    const marked = isBrushing ? [] : selection.numbers;
    if (marked.length || page.groups.marked.length) {
      page.groups.marked = marked;
      refreshGroup("marked");
    }
    const isEmpty = ![...(selection.numbers ?? [])].length;
    if (!isBrushing && isEmpty && keptTrials(parallel.data?.[0] ?? { dimensions: [] })) keep();
  });
}
