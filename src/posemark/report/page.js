"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
// "ast" evaluates Vega's expressions by an interpreter, so the policy need not allow eval.
const options = { actions: false, ast: true, renderer: "svg", tooltip: { theme: "custom" } };
const choices = [...document.querySelectorAll("input[name=view]")];
let drawn = 0;

function drawView(width) {
  const views = width < 720 ? charts.narrow : charts.wide;
  const view = choices.find((each) => each.checked).value;
  vegaEmbed("#ap-fps", views[view] ?? views.combined, options);
}

function fill(id, width) {
  vegaEmbed(`#${id}`, { ...charts[id], width: width - 2 * charts[id].padding }, options);
}

function draw(width) {
  if (width === drawn) return;
  drawn = width;
  drawView(width);
  fill("cost", width);
  fill("stages", width);
}

function compare(a, b, direction) {
  // Cells without a value stay at the end in both directions.
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return direction * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
}

function sort(header) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  const body = header.closest("table").tBodies[0];
  const value = (row) => row.cells[header.cellIndex].dataset.value;
  const rows = [...body.rows].sort((a, b) => compare(value(a), value(b), descending ? -1 : 1));
  body.append(...rows);
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

for (const header of document.querySelectorAll("thead th")) {
  header.querySelector("button").addEventListener("click", () => sort(header));
}
for (const choice of choices) choice.addEventListener("change", () => drawView(drawn));
const main = document.querySelector("main");
new ResizeObserver(() => draw(main.clientWidth)).observe(main);
