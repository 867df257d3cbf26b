"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const heads = [...document.querySelectorAll("thead th")];
  const titles = heads.map((head) => head.textContent);
  const body = document.getElementById("rows");
  const words = document.getElementById("words");
  const found = document.getElementById("found");
  const rest = document.getElementById("rest");
  const more = document.getElementById("more");
  const PAGE = 200;
  const MOST = 100; // values of a filter
  const collator = new Intl.Collator("en", { numeric: true });
  let rows = data, shown = 0, column = -1, down = false;

  const written = new Intl.NumberFormat("en").format;
  for (const row of data) row.text = row.cells.map((cell) => String(cell ?? "")).join(" ").toLowerCase();

  // numbers of a column have the same decimals; a filter for each column of few values
  const hasTenths = titles.map((_, place) => data.some((row) => row.cells[place] % 1));
  const filters = [];
  titles.forEach((title, place) => {
    const values = new Set(data.map((row) => row.cells[place]).filter((value) => typeof value === "string"));
    if (place === 0 || values.size < 2 || values.size > MOST || values.size > data.length / 2) return;
    const select = document.createElement("select");
    select.setAttribute("aria-label", title);
    select.append(new Option(`${title}: all`, ""));
    for (const value of [...values].sort(collator.compare)) select.append(new Option(value.replaceAll("_", " "), value));
    select.addEventListener("change", () => list());
    document.getElementById("filters").append(select);
    filters.push([place, select]);
  });

  const chosen = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = data.filter((row) =>
      asked.every((word) => row.text.includes(word)) &&
      filters.every(([place, select]) => !select.value || row.cells[place] === select.value));
    if (column < 0) return rows;
    const order = (a, b) => {
      const [x, y] = [a.cells[column], b.cells[column]];
      if (x === null || y === null) return (x === null) - (y === null);
      const less = typeof x === "number" && typeof y === "number" ? x - y : collator.compare(x, y);
      return down ? -less : less;
    };
    return [...rows].sort(order);
  };

  const list = () => {
    rows = chosen();
    shown = 0;
    body.replaceChildren();
    found.textContent = rows.length === data.length ? "" : `${written(rows.length)} of ${written(data.length)}`;
    add();
  };

  const add = () => {
    // as many again as there are: a few clicks show them all, and the table is laid out a few times
    const end = Math.min(2 * shown || PAGE, rows.length);
    body.append(...rows.slice(shown, end).map((row) => {
      const line = document.createElement("tr");
      row.cells.forEach((cell, place) => {
        const box = document.createElement(place ? "td" : "th");
        if (!place) box.scope = "row";
        if (heads[place].classList.contains("number")) box.className = "number";
        if (place === 0 && row.file) {
          const link = document.createElement("a");
          link.href = row.file;
          link.textContent = cell;
          box.append(link);
        } else if (cell === "failed" && row.error) {
          box.className = "failed";
          const why = document.createElement("small");
          why.textContent = ` ${row.error}`;
          box.append("failed", why);
        } else {
          box.textContent = cell === null ? "–" : typeof cell === "string" ? cell.replaceAll("_", " ")
            : hasTenths[place] ? cell.toFixed(1) : written(cell);
          if (box.textContent.length > 24) box.className = "long";
        }
        line.append(box);
      });
      return line;
    }));
    shown = end;
    rest.hidden = rows.length === shown;
    rest.firstChild.textContent = `${written(shown)} of ${written(rows.length)} are shown. `;
  };

  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    down = column === place && !down;
    column = place;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    list();
  }));
  words.addEventListener("input", list);
  more.addEventListener("click", add);
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select")) { event.preventDefault(); words.focus(); }
  });
  list();
})();
