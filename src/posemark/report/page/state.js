"use strict";
// What the reader chose. The state of the page is that of its forms and of `chosen`; it is written
// to the address, so that a filtered page can be shared.

const report = JSON.parse(document.getElementById("report").textContent);
const controls = document.getElementById("controls");
const MOST_CHOSEN = report.palette.length;
let chosen = [];

function named(form, name) {
  return [...form.elements].filter((control) => control.name === name);
}

function values(form, name) {
  return new FormData(form).getAll(name);
}

function value(name, form = controls) {
  return new FormData(form).get(name);
}

function isChanged(control) {
  if (control.tagName === "SELECT") {
    return [...control.options].some((option) => option.selected !== option.defaultSelected);
  }
  if (control.type === "checkbox" || control.type === "radio") {
    return control.checked !== control.defaultChecked;
  }
  return control.value !== control.defaultValue;
}

function address() {
  const parts = new URLSearchParams();
  for (const form of document.forms) {
    for (const name of new Set([...form.elements].map((control) => control.name))) {
      if (!name || !named(form, name).some(isChanged)) continue;
      const held = values(form, name);
      for (const each of held.length ? held : [""]) parts.append(name, each);
    }
  }
  for (const id of chosen) parts.append("entry", id);
  return parts.toString();
}

function remember() {
  const found = address();
  history.replaceState(null, "", found ? `#${found}` : location.pathname + location.search);
}

function put(control, held) {
  if (control.type === "checkbox" || control.type === "radio") {
    control.checked = held.includes(control.value);
  } else if (control.tagName !== "SELECT" || has(control, held[0])) {
    control.value = held[0];
  }
}

function has(select, wanted) {
  return [...select.options].some((option) => option.value === wanted);
}

function restore() {
  const parts = new URLSearchParams(location.hash.slice(1));
  for (const form of document.forms) {
    form.reset();
    for (const control of form.elements) {
      if (control.name && parts.has(control.name)) put(control, parts.getAll(control.name));
    }
  }
  const ids = parts.getAll("entry").map(Number);
  chosen = ids.filter((id) => report.entries[id]).slice(0, MOST_CHOSEN);
}

function passes(entry) {
  return report.filters.every((name) => {
    const boxes = named(controls, name);
    const held = boxes.filter((box) => box.checked).map((box) => box.value);
    return held.length === boxes.length || held.includes(entry.filters[name]);
  });
}

// The entries that pass the filters, from all groups.
function kept() {
  return report.entries.filter(passes);
}

// The entries that are shown: those of one group, which may share axes.
function shown() {
  const group = Number(value("group") ?? 0);
  return kept().filter((entry) => entry.group === group);
}

function choose(id) {
  chosen = chosen.includes(id)
    ? chosen.filter((each) => each !== id)
    : [...chosen, id].slice(-MOST_CHOSEN);
}

// The entries of the detailed charts: those that were chosen, else the first two of the front.
function compared() {
  const own = chosen.map((id) => report.entries[id]);
  if (own.length) return own;
  const pool = plotted();
  const front = frontOf(pool.length ? pool : shown());
  return front.slice(0, 2);
}

function chosenColour(entry) {
  return report.palette[compared().findIndex((each) => each.id === entry.id)];
}
