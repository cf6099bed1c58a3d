"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
// "ast" evaluates Vega's expressions by an interpreter, so the policy need not allow eval.
const options = { actions: false, ast: true, renderer: "svg", tooltip: { theme: "custom" } };
let drawn = 0;

function draw(width) {
  if (width === drawn) return;
  drawn = width;
  vegaEmbed("#ap-fps", width < 720 ? charts.narrow : charts.wide, options);
  vegaEmbed("#stages", { ...charts.stages, width: width - 2 * charts.stages.padding }, options);
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
const main = document.querySelector("main");
new ResizeObserver(() => draw(main.clientWidth)).observe(main);
