// Budgets: a limit on each metric, the best trial within all of them, its config, and how to get it.
// The answer is that of `studies.pick` for the rule shown.

const budgets = page.budgets && makeBudgets(page.budgets);

function makeBudgets({ first, ways, limits, trials: asked, lines, texts }) {
  const valueOf = (number, name, columns) => columns
    .map((kind) => page.columns[`${kind}.${name}`]?.[rowOf.get(number)] ?? null)
    .find((value) => value !== null) ?? null;
  const columnFor = (name, columns) => asked.map((number) => valueOf(number, name, columns));
  const lossOf = (name, value) => (ways[name] === "maximize" ? -value : value);
  const objectives = Object.keys(ways).map((name) => ({ name, values: columnFor(name, ["value", "metric"]) }));
  const losses = objectives.find(({ name }) => name === first).values.map((value) => lossOf(first, value));
  for (const limit of limits) {
    limit.values = columnFor(limit.name, limit.columns);
    limit.steps = [...new Set(limit.values.filter((value) => value !== null))].sort((a, b) => a - b);
    limit.loosest = limit.operator === "<=" ? limit.steps.length - 1 : 0;
  }
  const everyone = asked.map((_, place) => place);

  function keeps(place, { limit, value }) {
    const own = limit.values[place];
    return own !== null && (limit.operator === "<=" ? own <= value : own >= value);
  }

  // Which of equally good ones no other betters in the objectives, the lowest number first.
  function firstAmong(tied) {
    const whole = tied.filter((place) => objectives.every(({ values }) => values[place] !== null));
    const betters = (one, other) => objectives.every(({ name, values }) =>
      lossOf(name, values[one]) <= lossOf(name, values[other]))
      && objectives.some(({ values }) => values[one] !== values[other]);
    return whole.find((place) => !whole.some((other) => betters(other, place))) ?? tied[0];
  }

  function best(places) {
    let least = Infinity;
    for (const place of places) least = Math.min(least, losses[place]);
    return firstAmong(places.filter((place) => losses[place] === least));
  }

  // set: [{ limit, value }]. number: the answer, null for none; within: all that keep the limits.
  function answer(set) {
    const places = everyone.filter((place) => set.every((one) => keeps(place, one)));
    const told = set.map(({ limit, value }) => `${limit.name}${limit.operator}${value}`).join(" and ");
    return {
      number: places.length ? asked[best(places)] : null,
      within: places.map((place) => asked[place]),
      rule: `best:${first}${told && ` where ${told}`}`,
    };
  }

  // When nothing fits: who fits without one of the limits, and who breaks the fewest by the least.
  function misses(set) {
    const without = set.map((dropped) => ({ dropped, ...answer(set.filter((one) => one !== dropped)) }));
    const breach = (place) => {
      const broken = set.filter((one) => !keeps(place, one));
      const shares = broken.map(({ limit, value }) => Math.abs(limit.values[place] - value) / (Math.abs(value) || 1));
      return { place, broken, share: shares.reduce((sum, share) => sum + share, 0) };
    };
    const known = everyone.filter((place) => set.every(({ limit }) => limit.values[place] !== null));
    const [nearest] = known.map(breach).sort((a, b) => a.broken.length - b.broken.length || a.share - b.share);
    return { without: without.filter(({ number }) => number !== null), nearest };
  }

  // The file that the export command writes, or null where the page does not hold it.
  function configOf(number, rule) {
    const found = texts[number];
    if (!found) return null;
    const [head, ...rest] = found.map((place) => lines[place]);
    const at = head.lastIndexOf("{rule}");
    const whole = [...(head.slice(0, at) + rule + head.slice(at + "{rule}".length))];
    const cut = whole.length > 402 ? `${whole.slice(0, 399).join("")}...` : whole.join("");
    return [cut, ...rest].join("\n");
  }

  return { limits, answer, misses, configOf, valueOf };
}

// The limit with the fewest digits that lets through the same trials as a step itself.
function roundLimit({ steps, operator }, place) {
  const [way, beyond] = operator === "<=" ? [1, steps[place + 1]] : [-1, steps[place - 1]];
  const step = steps[place];
  for (let digits = 2; digits < 16; digits += 1) {
    const near = Number(step.toPrecision(digits));
    const unit = 10 ** (Math.floor(Math.log10(Math.abs(near))) + 1 - digits);
    const found = way * (near - step) >= 0 ? near : Number((near + way * unit).toPrecision(digits));
    if (way * (found - step) >= 0 && way * (beyond - found) > 0) return found;
  }
  return step;
}

function withUnit(name, value) {
  return metricEntry(name, value)[1];
}

function showBudgets() {
  const box = document.getElementById("answer");
  const sliders = [...document.querySelectorAll("[data-limit]")];
  const part = (selector) => box.querySelector(selector);
  const limitOf = (slider) => budgets.limits.find(({ name }) => name === slider.dataset.limit);

  function setLimits() {
    return sliders.map((slider) => ({ limit: limitOf(slider), place: Number(slider.value) }))
      .filter(({ limit, place }) => place !== limit.loosest)
      .map(({ limit, place }) => ({ limit, value: roundLimit(limit, place) }));
  }

  function tellSliders() {
    for (const slider of sliders) {
      const limit = limitOf(slider);
      const most = limit.operator === "<=" ? "at most" : "at least";
      const isSet = Number(slider.value) !== limit.loosest;
      const text = isSet ? `${most} ${withUnit(limit.name, roundLimit(limit, Number(slider.value)))}` : "no limit";
      document.getElementById(`${slider.id}-told`).textContent = text;
      slider.setAttribute("aria-valuetext", text);
      slider.classList.toggle("set", isSet);
    }
  }

  function tellFound({ number, rule }, isLimited) {
    part("h3").textContent = isLimited ? `Trial ${number} is the best within these budgets`
      : `Without a budget, trial ${number} is the best`;
    const names = [page.budgets.first, ...budgets.limits.map(({ name }) => name)];
    const entries = names.map((name) => metricEntry(name, budgets.valueOf(number, name, ["value", "metric"])));
    part("dl").replaceChildren(...entries.map(([label, value]) => {
      const entry = element("div");
      entry.append(element("dt", label), element("dd", value));
      return entry;
    }));
    const text = budgets.configOf(number, rule);
    part("pre").hidden = part(".config .head").hidden = text === null;
    part(".absent").hidden = text !== null;
    part("pre code").textContent = part(".config .copy").dataset.copy = text ?? "";
    const code = part(".export");
    code.textContent = `${code.dataset.before}"${rule}"${code.dataset.after}`;
    code.parentElement.querySelector(".copy").dataset.copy = code.textContent;
    part(".choose").dataset.number = number;
  }

  function tellMissed(set) {
    part("h3").textContent = "No trial keeps all budgets";
    const { without, nearest } = budgets.misses(set);
    const label = (name) => page.metrics[name].label;
    const told = without.map(({ dropped, number }) => {
      const found = withUnit(page.budgets.first, budgets.valueOf(number, page.budgets.first, ["value", "metric"]));
      return `It is the budget on ${label(dropped.limit.name)} that leaves nothing: without it, trial ${number} `
        + `is the best, with ${found} of ${label(page.budgets.first)}.`;
    });
    if (!told.length && set.length > 1) told.push("Giving up one of the budgets would not be enough.");
    if (nearest) {
      const parts = nearest.broken.map(({ limit, value }) => {
        const own = limit.values[nearest.place];
        return `${label(limit.name)} ${withUnit(limit.name, own)}, ${withUnit(limit.name, Math.abs(own - value))} `
          + `${own > value ? "above" : "below"} the budget`;
      });
      told.push(`The nearest is trial ${page.budgets.trials[nearest.place]}: ${parts.join("; ")}.`);
    }
    part(".missed").replaceChildren(...told.map((text) => element("p", text)));
  }

  function update() {
    const set = setLimits();
    const found = budgets.answer(set);
    tellSliders();
    part(".found").hidden = found.number === null;
    part(".missed").hidden = found.number !== null;
    if (found.number === null) tellMissed(set);
    else tellFound(found, set.length > 0);
    page.groups.within = set.length ? found.within : null;
    refreshGroup("within");
  }

  function loosen() {
    for (const slider of sliders) {
      const { steps, loosest } = limitOf(slider);
      slider.max = steps.length - 1;
      slider.value = loosest;
    }
    update();
  }

  for (const slider of sliders) slider.addEventListener("input", update);
  document.getElementById("no-limits").addEventListener("click", loosen);
  part(".choose").addEventListener("click", (event) => selection.set([Number(event.target.dataset.number)]));
  loosen();
}

if (budgets) showBudgets();
