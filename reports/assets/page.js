// The page comes to life: figures on their way into view, copy buttons, switches, printing.

const announcement = document.getElementById("announce");

async function copyText(text) {
  if (navigator.clipboard && isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused, as in some browsers for files: the old way below may still work.
    }
  }
  const area = element("textarea", text, "unseen");
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const done = await copyText(button.dataset.copy);
    button.textContent = done ? "Copied" : "Not copied";
    announcement.textContent = done ? "Copied" : "The browser refused to copy; the text stands beside the button";
    button.focus();
    setTimeout(() => { button.textContent = label; }, 1600);
  });
}

for (const button of document.querySelectorAll(".switch")) {
  const key = button.dataset.trial === "others" ? "others" : Number(button.dataset.trial);
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    if (shown) hidden.delete(key);
    else hidden.add(key);
    redraw();
  });
}

for (const button of document.querySelectorAll("[data-whole]")) {
  button.addEventListener("click", () => {
    const isWhole = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isWhole));
    if (isWhole) shownWhole.add(button.dataset.whole);
    else shownWhole.delete(button.dataset.whole);
    redraw();
  });
}

for (const button of document.querySelectorAll("[data-brush]")) {
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    if (isOn) brushed.add(button.dataset.brush);
    else brushed.delete(button.dataset.brush);
    refresh(plots.find((plot) => plot.dataset.figure === button.dataset.brush));
  });
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

addEventListener("beforeprint", () => {
  document.documentElement.classList.add("on-paper");
  redraw();
  drawAll();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("on-paper");
  redraw();
});

async function start() {
  redraw();
  if (plots.length) await draw(plots[0]);
  document.documentElement.dataset.ready = "true";
  const observer = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      observer.unobserve(entry.target);
      draw(entry.target);
    }),
    { rootMargin: "240px" },
  );
  plots.forEach((plot) => observer.observe(plot));
  if (new URLSearchParams(location.search).has("all")) drawAll();
}

window.spikefront = { drawAll, numberText, selection, budgets };
start();
