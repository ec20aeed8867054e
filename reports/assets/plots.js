// Drawing: each figure when it comes into view, again when the palette changes.

const plots = [...document.querySelectorAll(".plot")];
const drawings = new Map();
const hidden = new Set();
const shownWhole = new Set();
const brushed = new Set();
let revision = 0;
const isCoarse = matchMedia("(pointer: coarse)").matches;

function merge(target, changes) {
  for (const [key, value] of Object.entries(changes)) {
    const isBranch = value !== null && typeof value === "object" && !Array.isArray(value);
    if (isBranch && target[key] !== null && typeof target[key] === "object") merge(target[key], value);
    else target[key] = value;
  }
  return target;
}

function template() {
  const [ink, quiet, line] = ["ink", "quiet", "line"].map((token) => colourOf(token));
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, zeroline: false,
    title: { font: { size: 12.5 } } };
  const flat = { ...axis, title: { standoff: 10, font: { size: 12.5 } } };
  const wall = { ...axis, backgroundcolor: "rgba(0,0,0,0)", showspikes: false, color: quiet };
  const small = { size: 11, color: quiet };
  return {
    layout: {
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: quiet },
      paper_bgcolor: colourOf("paper"),
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: colourOf("paper"), bordercolor: line, font: { color: ink, size: 13 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: ink },
      annotationdefaults: { font: { color: ink } },
      xaxis: flat,
      yaxis: flat,
      scene: { xaxis: wall, yaxis: wall, zaxis: wall },
    },
    data: {
      parcoords: [{
        labelfont: { size: 11, color: ink },
        tickfont: small,
        rangefont: { size: 1, color: "rgba(0,0,0,0)" },
        unselected: { line: { color: colourOf("dominated"), opacity: 0.12 } },
      }],
    },
  };
}

function figureOf(plot) {
  const spec = page.figures[plot.dataset.figure];
  const { data, layout } = resolve(spec.drawing);
  for (const trace of data) if (hidden.has(trace.meta ?? trace.name)) trace.visible = false;
  if (plot.clientWidth < NARROW) merge(layout, resolve(spec.narrow));
  if (shownWhole.has(plot.dataset.figure)) merge(layout, spec.whole);
  const common = { template: template(), height: spec.height, autosize: true, hovermode: "closest" };
  const { figure } = plot.dataset;
  if (isCoarse) common.dragmode = false;
  if (brushed.has(figure)) common.dragmode = "select";
  // A drawing made again keeps zoom and camera, until its view is switched, and loses the area brushed.
  common.uirevision = `${shownWhole.has(figure)} ${brushed.has(figure)}`;
  common.selectionrevision = revision += 1;
  const whole = { ...common, ...layout };
  plot.style.height = `${whole.height}px`;
  return { data, layout: whole };
}

const config = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  displayModeBar: isCoarse ? false : "hover",
  scrollZoom: false,
  // Plotly counts a tap, and the mouse events that browsers send after it, as two clicks.
  doubleClick: isCoarse ? false : "reset+autosize",
  modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "orbitRotation",
    "tableRotation", "hoverClosest3d", "resetCameraLastSave3d"],
};

async function drawNow(plot) {
  try {
    const { data, layout } = figureOf(plot);
    await Plotly.newPlot(plot, data, layout, config);
    attachTooltip(plot);
    attachSelection(plot);
  } catch (error) {
    console.error(error);
    plot.textContent = `This figure could not be drawn: ${error.message}`;
    plot.style.height = "auto";
  }
  plot.dataset.drawn = "true";
}

// One figure after the other, each in a task of its own, so that the page stays quick to the touch.
let queue = Promise.resolve();
function draw(plot) {
  if (!drawings.has(plot)) {
    queue = queue.then(() => new Promise((done) => setTimeout(done))).then(() => drawNow(plot));
    drawings.set(plot, queue);
  }
  return drawings.get(plot);
}

function drawAll() {
  return Promise.all(plots.map(draw));
}

function redraw() {
  for (const swatch of document.querySelectorAll(".swatch[data-position]")) {
    swatch.style.background = scaleOf(Number(swatch.dataset.position));
  }
  plots.forEach(refresh);
}

function refresh(plot) {
  if (plot.dataset.drawn !== "true" || !plot.data) return;
  const { data, layout } = figureOf(plot);
  Plotly.react(plot, data, layout, config);
}

// Draws the figures again that show a group of trials, before the next frame of the screen.
const groupsOf = new Map();
const stale = new Set();
function refreshGroup(group) {
  if (!stale.size) requestAnimationFrame(() => {
    const drawn = plots.filter((plot) => [...stale].some((name) => groupsShown(plot).has(name)));
    stale.clear();
    drawn.forEach(refresh);
  });
  stale.add(group);
}

function groupsShown(plot) {
  if (!groupsOf.has(plot)) groupsOf.set(plot, groupsIn(page.figures[plot.dataset.figure].drawing));
  return groupsOf.get(plot);
}

function groupsIn(spec, found = new Set()) {
  if (spec === null || typeof spec !== "object") return found;
  if (typeof spec.rows === "string") found.add(spec.rows);
  if (typeof spec.$places === "string") found.add(spec.$places);
  Object.values(spec).forEach((value) => groupsIn(value, found));
  return found;
}
