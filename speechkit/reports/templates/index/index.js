"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const heads = [...document.querySelectorAll("thead th")];
  const titles = heads.map((head) => head.textContent);
  const body = document.getElementById("rows");
  const words = document.getElementById("words");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const PAGE = 200;
  let shown = PAGE, column = -1, down = false;

  for (const row of data) row.text = row.cells.map((cell) => String(cell ?? "")).join(" ").toLowerCase();

  // a filter for each column of few values
  const filters = [];
  titles.forEach((title, place) => {
    const values = new Set(data.map((row) => row.cells[place]).filter((value) => typeof value === "string"));
    if (place === 0 || values.size < 2 || values.size > 20 || values.size > data.length / 2) return;
    const select = document.createElement("select");
    select.setAttribute("aria-label", title);
    select.append(new Option(`${title}: all`, ""));
    for (const value of [...values].sort()) select.append(new Option(value.replaceAll("_", " "), value));
    select.addEventListener("change", () => { shown = PAGE; draw(); });
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
      const less = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
      return down ? -less : less;
    };
    return [...rows].sort(order);
  };

  const draw = () => {
    const rows = chosen();
    body.replaceChildren(...rows.slice(0, shown).map((row) => {
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
          box.textContent = cell === null ? "–" : String(cell).replaceAll("_", " ");
        }
        line.append(box);
      });
      return line;
    }));
    found.textContent = rows.length === data.length ? "" : `${rows.length} of ${data.length}`;
    more.hidden = rows.length <= shown;
    more.textContent = `Show more (${rows.length - shown} left)`;
  };

  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    down = column === place && !down;
    column = place;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    draw();
  }));
  words.addEventListener("input", () => { shown = PAGE; draw(); });
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select")) { event.preventDefault(); words.focus(); }
  });
  draw();
})();
