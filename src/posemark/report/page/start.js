// Event handlers: what is drawn again after a choice of the reader, and in which order.

const DRAWERS = {
  "ap-fps": drawApFps,
  cards: drawCards,
  cost: drawCost,
  devices: drawDevices,
  stages: drawStages,
  latency: drawLatency,
  timeline: drawTimeline,
  keypoints: drawKeypoints,
  sizes: drawSizes,
  groups: drawGroups,
};
const ON_CHOICE = Object.keys(DRAWERS).filter((id) => id !== "stages" && id !== "devices");
const main = document.querySelector("main");
const dirty = new Set();
let working = false;
let drawnWidth = 0;

async function draw(id) {
  dirty.delete(id);
  await DRAWERS[id]();
  performance.mark(`drawn ${id}`);
}

// Draws the first chart at once, and every other one after the browser could show the one before.
async function work() {
  if (working) return;
  working = true;
  for (let id; (id = Object.keys(DRAWERS).find((each) => dirty.has(each))); ) {
    await draw(id);
    await new Promise((resolve) => setTimeout(resolve));
  }
  working = false;
  document.documentElement.dataset.drawn = "all";
}

function redraw(ids = Object.keys(DRAWERS)) {
  delete document.documentElement.dataset.drawn;
  for (const id of ids) dirty.add(id);
  narrowTable();
  updateSummaries();
  updateMissing();
  showSections();
  work();
}

function toggle(id) {
  choose(id);
  remember();
  redraw(ON_CHOICE);
}

// Writes "3/8" beside the title of a filter that excludes values.
function updateSummaries() {
  for (const filter of document.querySelectorAll(".filter[data-name]")) {
    const boxes = named(controls, filter.dataset.name);
    const held = boxes.filter((box) => box.checked).length;
    const share = held < boxes.length ? `${held}/${boxes.length}` : "";
    filter.querySelector("output").textContent = share;
  }
  const changed = [...controls.elements].some((each) => each.name && isChanged(each));
  document.getElementById("start-over").disabled = !changed;
}

function updateMissing() {
  const found = new Map();
  for (const entry of shown()) {
    const why = missing(entry);
    if (why) found.set(why, [...(found.get(why) ?? []), entry.name]);
  }
  const reasons = [...found].map(([why, names]) => `Not plotted, ${why}: ${listed(names)}.`);
  setText("missing", reasons.join(" "));
  const people = value("people");
  const beyond = people && shown().some((entry) => entry.at[people]?.beyond);
  const words = `† paler: no frame of this run had ${people} people; its line is extrapolated.`;
  setText("beyond", beyond ? words : "");
}

document.addEventListener("input", (event) => {
  if (!event.target.form) return;
  remember();
  if (event.target.form === controls) redraw();
  else answer();
});
controls.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("start-over").addEventListener("click", () => {
  controls.reset();
  remember();
  redraw();
});
document.getElementById("unpick").addEventListener("click", () => {
  chosen = [];
  remember();
  redraw(ON_CHOICE);
});
for (const row of document.querySelectorAll("[data-entry]")) {
  row.querySelector("button").addEventListener("click", () => toggle(Number(row.dataset.entry)));
}

// Only one menu is open at a time; Escape or a click elsewhere closes it.
const menus = [...document.querySelectorAll("details.filter")];
document.addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = menus.find((menu) => menu.open);
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

document.getElementById("skip").addEventListener("click", () => {
  document.getElementById("figures").focus();
});

// The buttons "all" and "none" of a menu.
for (const menu of menus) {
  for (const button of menu.querySelectorAll("p button")) {
    button.addEventListener("click", () => {
      const boxes = named(controls, menu.dataset.name);
      for (const box of boxes) box.checked = button.value === "all";
      remember();
      redraw();
    });
  }
}

addEventListener("hashchange", () => {
  restore();
  answer();
  redraw();
});
addEventListener("beforeprint", () => {
  for (const id of dirty) draw(id);
});
new ResizeObserver(() => {
  if (main.clientWidth === drawnWidth || !main.clientWidth) return;
  drawnWidth = main.clientWidth;
  redraw();
}).observe(main);
restore();
answer();
