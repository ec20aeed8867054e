// The page's one copy of the data, and how figures get at it.
// A figure is a Plotly figure in which objects like {"$column": "value.latency_ms", rows: "front"}
// stand for data, and {"$colour": "ink"} for colours of the palette in force.

const page = JSON.parse(document.getElementById("data").textContent);

// The other way of reports/data/packing.py.
function unpacked(column) {
  if (Array.isArray(column)) return column;
  if ("n" in column) return new Array(column.n).fill(column.same);
  if ("places" in column) return column.places.map((place) => column.texts[place]);
  const found = [];
  for (let i = 0; i < column.runs.length; i += 2) {
    for (let n = column.runs[i + 1]; n > 0; n -= 1) found.push(column.runs[i]);
  }
  return found;
}

for (const table of [page.columns, page.epochs]) {
  for (const [name, column] of Object.entries(table)) table[name] = unpacked(column);
}

const rowOf = new Map(page.columns.number.map((number, row) => [number, row]));
const epochsOf = new Map();
page.epochs.number.forEach((number, place) => {
  if (!epochsOf.has(number)) epochsOf.set(number, []);
  epochsOf.get(number).push(place);
});

function trials(rows) {
  return typeof rows === "string" ? page.groups[rows] : rows;
}

function columnOf(spec) {
  const values = page.columns[spec.$column];
  const other = page.columns[spec.fallback];
  const missing = spec.missing ?? null;
  const marked = spec.marked && new Set(trials(spec.marked.rows));
  return trials(spec.rows).map((number) => {
    let value = values[rowOf.get(number)] ?? other?.[rowOf.get(number)] ?? null;
    if (spec.codes && value !== null) value = spec.codes[value] ?? null;
    if (marked?.has(number)) return spec.marked.value;
    if (value === null) return missing;
    if (spec.log) value = Math.log10(value);
    return spec.negate ? -value : value;
  });
}

function curveOf(spec) {
  const values = page.epochs[spec.$curve];
  const found = [];
  for (const number of trials(spec.rows)) {
    for (const place of epochsOf.get(number) ?? []) found.push(values[place]);
    found.push(null);
  }
  return found;
}

function placesOf(spec) {
  const group = page.groups[spec.$places];
  if (!group) return undefined;
  const members = new Set(group);
  return trials(spec.rows).flatMap((number, place) => (members.has(number) ? [place] : []));
}

function cssValue(token) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${token}`).trim();
}

function channels(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

function colourOf(token, opacity = 1) {
  return `rgba(${channels(cssValue(token)).join(",")},${opacity})`;
}

// The weak-to-strong scale: all of it for Plotly, or the colour at one place from 0 to 1.
function scaleOf(position) {
  const stops = cssValue("scale").split(",").map((stop) => channels(stop.trim()));
  const rgb = (stop) => `rgb(${stop.map(Math.round).join(",")})`;
  if (position === null) return stops.map((stop, i) => [i / (stops.length - 1), rgb(stop)]);
  const place = Math.min(Math.max(position, 0), 1) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  return rgb(stops[below].map((from, i) => from + (stops[below + 1][i] - from) * (place - below)));
}

// The whole scale up to a share of it, and one colour of the palette beyond.
function scaleAnd(token, share) {
  const stops = scaleOf(null).map(([place, rgb]) => [place * share, rgb]);
  return [...stops, [(share + 1) / 2, colourOf(token)], [1, colourOf(token)]];
}

function resolve(spec) {
  if (Array.isArray(spec)) return spec.map(resolve);
  if (spec === null || typeof spec !== "object") return spec;
  if ("$column" in spec) return columnOf(spec);
  if ("$curve" in spec) return curveOf(spec);
  if ("$places" in spec) return placesOf(spec);
  if ("$colour" in spec) return colourOf(spec.$colour, spec.opacity);
  if (spec.beyond) return scaleAnd(spec.beyond, spec.share);
  if ("$scale" in spec) return scaleOf(spec.$scale);
  return Object.fromEntries(Object.entries(spec).map(([key, value]) => [key, resolve(value)]));
}

// Numbers for people, by the rules of number_text in reports/format/quantities.py.
function numberText(value, kind = "number") {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (kind === "percent") return fixed(value, 2, 2);
  if (kind === "count" && Math.abs(value) >= 1e6) return `${threeDigits(value / 1e6)}\u00a0M`;
  if (Number.isInteger(value) && kind !== "measure") return value.toLocaleString("en");
  return threeDigits(value, kind === "measure");
}

function threeDigits(value, keepZeros = false) {
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4 || magnitude > 8) return value.toExponential(2);
  const digits = Math.max(0, 2 - magnitude);
  const least = keepZeros ? digits : 0;
  return fixed(value, least, digits);
}

function fixed(value, least, most) {
  return value.toLocaleString("en", { minimumFractionDigits: least, maximumFractionDigits: most });
}
