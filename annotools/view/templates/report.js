"use strict";
// Filter, sort, enlarge and the list of findings. Text from the data goes into the page by textContent only.
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const make = (tag, text, space) => {
  const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  return node;
};
const data = JSON.parse($("findings-data").textContent);
const cards = [...document.querySelectorAll(".card")];
let order = cards.slice();

$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

// ---- pictures
const filter = $("filter");
const has = (list, value) => list.split(" ").includes(value);
const fits = (card) => {
  const { rule, split } = filter.elements;
  const wanted = filter.elements.class.value;
  if (rule.value === "*" ? !card.dataset.rules : rule.value && !has(card.dataset.rules, rule.value)) return false;
  if (wanted && !has(card.dataset.classes, wanted)) return false;
  return !split.value || JSON.parse(card.dataset.splits).includes(split.value);
};
const keys = {
  place: (card) => cards.indexOf(card), problems: (card) => -card.dataset.problems,
  boxes: (card) => -card.dataset.boxes, pixels: (card) => -card.dataset.pixels, id: (card) => card.dataset.id,
};
function arrange() {
  const key = keys[filter.elements.sort.value];
  const keyed = cards.map((card, place) => [key(card), place, card]);
  keyed.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
  const all = keyed.map((one) => one[2]);
  for (const card of all) card.hidden = !fits(card);
  $("gallery").append(...all);
  order = all.filter((card) => !card.hidden);
  $("shown").textContent = `${order.length} shown`;
}
filter.addEventListener("change", arrange);
filter.addEventListener("submit", (event) => event.preventDefault());
function only(rule) {
  filter.elements.rule.value = rule;
  filter.elements.class.value = filter.elements.split.value = "";
  arrange();
  $("pictures").scrollIntoView();
}

// ---- one picture, large
const dialog = $("dialog");
let current = null;
function boxesOf(card) {
  return [...card.querySelectorAll(".box")].map((box) => {
    const [xmin, ymin, xmax, ymax] = box.getAttribute("d").match(/[^MHVZ ]+/g);
    return { box, name: box.querySelector("title").textContent, edges: [xmin, ymin, xmax, ymax] };
  });
}
function enlarge(card) {
  current = card;
  const frame = card.querySelector(".frame"), inner = frame.querySelector("svg"), image = frame.querySelector("img");
  const [, , width, height] = inner.getAttribute("viewBox").split(" ").map(Number);
  const svg = make("svg", undefined, SVG);
  const whole = `0 0 ${width} ${height}`;
  svg.setAttribute("viewBox", whole);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", card.dataset.id);
  if (image) {
    const copy = make("image", undefined, SVG);
    copy.setAttribute("href", image.getAttribute("src"));
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.setAttribute("preserveAspectRatio", "none");
    svg.append(copy);
  }
  for (const child of inner.children) svg.append(child.cloneNode(true));
  const found = boxesOf(card);
  const names = make("g", undefined, SVG);
  svg.append(names);
  const label = (size, scale) => {
    names.replaceChildren();
    for (const { name, edges } of found) {
      const text = make("text", name, SVG);
      const [x, y] = [Math.min(edges[0], edges[2]), Math.min(edges[1], edges[3])];
      text.setAttribute("x", x);
      text.setAttribute("y", y > 1.3 * size ? y - 0.3 * size : y + 1.1 * size);
      text.setAttribute("font-size", size);
      text.style.fontSize = `${size}px`;
      names.append(text);
    }
  };
  label(Math.max(width, height) / 45);
  const zoom = (object) => {
    const one = found.find(({ box }) => box.dataset.object === object);
    if (!one || svg.dataset.zoom === object) {
      svg.setAttribute("viewBox", whole);
      delete svg.dataset.zoom;
      return label(Math.max(width, height) / 45);
    }
    const [x0, y0, x1, y1] = one.edges.map(Number);
    const side = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), Math.max(width, height) / 30) * 2;
    svg.setAttribute("viewBox", `${(x0 + x1 - side) / 2} ${(y0 + y1 - side) / 2} ${side} ${side}`);
    svg.dataset.zoom = object;
    return label(side / 25);
  };
  $("canvas").replaceChildren(svg);

  const side = $("side");
  side.replaceChildren(make("p", card.querySelector(".caption").textContent.replace(/\s+/g, " ")));
  const path = make("p", card.dataset.path);
  path.className = "path";
  side.append(path);
  const issues = card.querySelector(".found");
  if (issues) side.append(issues.cloneNode(true));
  for (const item of side.querySelectorAll("li[data-object]")) {
    item.title = "click: zoom to the object";
    item.addEventListener("click", () => zoom(item.dataset.object));
  }
  const table = make("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  for (const title of ["class", "xmin", "ymin", "xmax", "ymax", "flags", "line"]) head.append(make("th", title));
  for (const { box, name, edges } of found) {
    const row = body.insertRow();
    for (const text of [name, ...edges, box.dataset.flags || "", box.dataset.line || ""]) row.append(make("td", text));
  }
  side.append(table);
  $("title").textContent = card.dataset.id;
  const place = order.indexOf(card);
  $("position").textContent = place < 0 ? "" : `${place + 1} / ${order.length}`;
  if (!dialog.open) dialog.showModal();
}
function step(by) {
  if (!order.length) return;
  const place = order.indexOf(current);
  enlarge(order[(place + by + order.length) % order.length]);
}
for (const card of cards) card.querySelector(".open").addEventListener("click", () => enlarge(card));
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => { if (current) current.querySelector(".open").focus(); });
document.addEventListener("keydown", (event) => {
  if (!dialog.open || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    step(event.key === "ArrowRight" ? 1 : -1);
  }
});

// ---- findings: rows are [severity, rule, path, line, found, expected, picture or -1]
const search = $("search"), body = $("table").tBodies[0];
const WINDOW = 500;
let rows = data.rows, limit = WINDOW, sorted = null;
const severities = ["error", "warning", "info"];
const sortable = (row, column) => (column === 0 ? severities.indexOf(row[0]) : column === 2 ? row[2] : String(row[column]).toLowerCase());
function list() {
  const rule = search.elements.rule.value, text = search.elements.text.value.toLowerCase();
  rows = data.rows.filter((row) => (!rule || row[1] === rule) && (!text || row.join(" ").toLowerCase().includes(text)));
  if (sorted) {
    const { column, way } = sorted;
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    rows.sort((a, b) => way * (compare(sortable(a, column), sortable(b, column)) || (column === 2 ? a[3] - b[3] : 0)));
  }
  body.replaceChildren(...rows.slice(0, limit).map(draw));
  $("listed").textContent = `${Math.min(limit, rows.length)} of ${rows.length}`;
  $("more").hidden = rows.length <= limit;
}
function draw([severity, rule, path, line, found, expected, picture]) {
  const row = make("tr");
  const level = make("td");
  level.className = severity;
  level.append(make("span", severity));
  level.firstChild.className = "badge";
  const place = make("td", line ? `${path}:${line}` : path);
  place.className = "path";
  const fix = data.fixes[rule], repair = make("td");
  if (fix) repair.append(make("code", `--fix ${fix}`));
  const shown = make("td");
  if (picture >= 0) {
    const button = make("button", "show");
    button.type = "button";
    button.addEventListener("click", () => enlarge($(`picture-${picture}`)));
    shown.append(button);
  }
  row.append(level, make("td", rule), place, make("td", found), make("td", expected), repair, shown);
  return row;
}
const mark = (table, button, way) => {
  for (const th of table.tHead.querySelectorAll("th")) th.removeAttribute("aria-sort");
  button.closest("th").setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
};
for (const button of $("table").tHead.querySelectorAll("button")) {
  button.addEventListener("click", () => {
    const column = Number(button.dataset.column);
    sorted = { column, way: sorted && sorted.column === column ? -sorted.way : 1 };
    mark($("table"), button, sorted.way);
    list();
  });
}
const again = () => { limit = WINDOW; list(); };
search.addEventListener("input", again);
// not on "change": it comes with the click on a button of the list, which would be drawn anew under the pointer
search.addEventListener("submit", (event) => event.preventDefault());
$("more").addEventListener("click", () => { limit += WINDOW; list(); });
for (const button of document.querySelectorAll(".only")) button.addEventListener("click", () => only(button.dataset.rule));
for (const button of document.querySelectorAll(".list")) {
  button.addEventListener("click", () => { search.elements.rule.value = button.dataset.rule; again(); search.scrollIntoView(); });
}
list();

// ---- tables of figures
for (const table of document.querySelectorAll(".sortable")) {
  [...table.tHead.querySelectorAll("th")].forEach((th, column) => {
    const button = th.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const way = th.getAttribute("aria-sort") === "descending" ? 1 : th.getAttribute("aria-sort") === "ascending" || column ? -1 : 1;
      const value = (row) => (column ? Number(row.cells[column].dataset.value) : row.cells[0].textContent);
      const all = [...table.tBodies[0].rows].map((row) => [value(row), row]);
      all.sort((a, b) => way * (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
      table.tBodies[0].append(...all.map((one) => one[1]));
      mark(table, button, way);
    });
  });
}
