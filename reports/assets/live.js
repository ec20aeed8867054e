// A page that a server keeps up to date: asks which version of the record there is, and tells of a newer one.

const POLL_MS = 5000;
const FOLLOW = "spikefront-follow";
const bar = document.createElement("div");
let reportPath = "";

function textElement(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function showBar(...parts) {
  bar.replaceChildren(...parts);
  bar.hidden = false;
}

function tellOfNewer() {
  if (bar.dataset.about === "newer") return;
  bar.dataset.about = "newer";
  const button = textElement("button", "Show them");
  button.type = "button";
  button.addEventListener("click", () => location.reload());
  const label = textElement("label", "always, at once");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.addEventListener("change", () => {
    if (!box.checked) return;
    sessionStorage.setItem(FOLLOW, "yes");
    location.reload();
  });
  label.prepend(box);
  showBar(textElement("span", "There are newer data."), button, label);
}

function tellOfFollowing() {
  const button = textElement("button", "Stop");
  button.type = "button";
  button.addEventListener("click", () => {
    sessionStorage.removeItem(FOLLOW);
    bar.hidden = true;
  });
  showBar(textElement("span", "This page follows the search."), button);
}

function tellOfSilence() {
  bar.dataset.about = "silence";
  const place = reportPath ? ` The whole report is then in ${reportPath}.` : "";
  showBar(textElement("span", `No answer: the search, or its server, has ended.${place}`));
}

// Where no figure stands, nobody has chosen anything that a reload would lose.
function isFollowing() {
  return document.querySelector(".plot") === null || sessionStorage.getItem(FOLLOW) === "yes";
}

async function poll() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/version", { cache: "no-store" });
    const { version, report } = await answer.json();
    reportPath = report;
    if (bar.dataset.about === "silence") {
      bar.dataset.about = "";
      if (sessionStorage.getItem(FOLLOW) === "yes") tellOfFollowing();
      else bar.hidden = true;
    }
    if (version === page.version) return;
    if (isFollowing()) location.reload();
    else tellOfNewer();
  } catch {
    tellOfSilence();
  }
}

bar.id = "live";
bar.className = "floating screen";
bar.setAttribute("role", "status");
bar.hidden = true;
document.body.append(bar);
if (sessionStorage.getItem(FOLLOW) === "yes") tellOfFollowing();
setInterval(poll, POLL_MS);
poll();
document.addEventListener("visibilitychange", poll);
