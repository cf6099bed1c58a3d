// The table of all figures: sorting, narrowing, choosing entries.

const table = document.querySelector("#figures table");

function compare(a, b, direction) {
  // Cells without a value stay at the end in both directions.
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return direction * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
}

function sort(header) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  const cell = (row) => row.cells[header.cellIndex].dataset.value;
  const direction = descending ? -1 : 1;
  const order = (a, b) => compare(cell(a), cell(b), direction);
  const rows = [...table.tBodies[0].rows].sort(order);
  table.tBodies[0].append(...rows);
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

function narrowTable() {
  const left = new Set(kept().map((entry) => entry.id));
  const axes = new Set(shown().map((entry) => entry.id));
  for (const row of document.querySelectorAll("[data-entry]")) {
    const id = Number(row.dataset.entry);
    row.hidden = !left.has(id);
    row.classList.toggle("other", !axes.has(id));
    const button = row.querySelector("button");
    button.setAttribute("aria-pressed", chosen.includes(id));
    row.style.setProperty("--own", report.palette[chosen.indexOf(id)] ?? "");
  }
  table.classList.toggle("all", controls.elements.columns.checked);
  table.dataset.people = value("people") ?? "";
  count(left.size, axes.size);
}

function count(left, axes) {
  const whole = report.entries.length;
  const aside = left > axes ? `, ${axes} of them on these axes` : "";
  setText("count", `${left} of ${whole} ${whole === 1 ? "entry" : "entries"}${aside}`);
}

for (const header of table.querySelectorAll("thead th")) {
  header.querySelector("button").addEventListener("click", () => sort(header));
}
