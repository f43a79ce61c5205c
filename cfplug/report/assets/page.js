"use strict";
(() => {
  document.documentElement.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Contents: folded where they would fill the screen of a phone; the section in view is marked
  const narrow = matchMedia("(max-width: 64rem)");
  const fold = () => { document.querySelector("nav details").open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      for (const [id, link] of links) id === entry.target.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  all("main > section").forEach((section) => seen.observe(section));

  // Tables: sorted by a column, numbers by value, what is empty last; rows that are equal stay in their order
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent.trim();
  };
  const words = new Intl.Collator("en", { numeric: true });
  const compare = (one, other) => {
    if (one === "" || other === "") return 0;
    return typeof one === "number" && typeof other === "number" ? one - other : words.compare(one, other);
  };
  const sort = (heading) => {
    const table = heading.closest("table"), column = heading.cellIndex, body = table.tBodies[0];
    const downwards = heading.getAttribute("aria-sort") === "ascending";
    all("th", table).forEach((each) => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort(([one], [other]) => (one === "") - (other === "") || (downwards ? -1 : 1) * compare(one, other));
    body.append(...rows.map(([, row]) => row));
  };
  for (const heading of all("thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(heading));
    heading.replaceChildren(button);
  }
  for (const more of all(".more")) {
    more.hidden = false;
    more.firstElementChild.addEventListener("click", () => {
      more.previousElementSibling.querySelector("table").classList.add("all");
      more.remove();
    });
  }

  // The tip next to the mouse: text and nothing else
  const tip = document.getElementById("tip");
  const number = (value) => {
    if (Number.isInteger(value)) return Math.abs(value) < 10000 ? String(value) : value.toLocaleString("en");
    return Math.abs(value) >= 10000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  };
  const show = ({ columns, label }, event, row) => {
    const fields = columns.map((_title, index) => `c${index}`);
    const isShown = (field) => field === label && fields.some((other) => other !== label && row[other] === row[field]);
    const list = document.createElement("dl");
    columns.forEach((title, index) => {
      const value = row[fields[index]];
      if (value === null || value === undefined || value === "" || isShown(fields[index])) return;
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = title;
      text.textContent = typeof value === "number" ? number(value) : value;
      list.append(term, text);
    });
    tip.replaceChildren(list);
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const right = event.clientX + 14 + width < innerWidth ? event.clientX + 14 : event.clientX - 14 - width;
    const below = event.clientY + 14 + height < innerHeight ? event.clientY + 14 : event.clientY - 14 - height;
    tip.style.left = `${Math.max(8, right)}px`;
    tip.style.top = `${Math.max(8, below)}px`;
  };

  // Charts: those in sight first, the others when there is time, all before printing
  const figures = all("figure.chart").filter((figure) => figure.querySelector(".plot"));
  if (!figures.length) return;
  const themes = JSON.parse(document.getElementById("themes").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();
  const setColumns = (chart, width) => {
    const { around, narrowest } = chart.usermeta, gap = chart.spacing;
    const columns = Math.max(1, Math.floor((width + gap) / (narrowest + around + gap)));
    const plane = Math.floor((width - 14 - (columns - 1) * gap) / columns) - around;
    chart.columns = columns;
    chart.spec.width = Math.max(80, plane);
  };
  const draw = async (figure, theme = dark.matches ? "dark" : "light", room = 0) => {
    const plot = figure.querySelector(".plot");
    const chart = JSON.parse(figure.querySelector("script").textContent);
    const width = Math.max(room || plot.clientWidth, chart.usermeta.least);
    chart.params.find((param) => param.name === "room").value = width;
    if (chart.facet) setColumns(chart, width);
    else chart.width = width;
    drawn.get(figure)?.finalize();
    drawn.set(figure, { width: plot.clientWidth, finalize() {} });
    const tooltip = (_handler, event, _item, row) => { row ? show(chart.usermeta, event, row) : (tip.hidden = true); };
    const options = { mode: "vega-lite", config: themes[theme], tooltip, renderer: "svg", ast: true, actions: false, defaultStyle: false, hover: false };
    const { finalize } = await vegaEmbed(plot, chart, options);
    drawn.set(figure, { width: plot.clientWidth, finalize });
    plot.style.minHeight = "";
  };
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting && !drawn.has(target)) draw(target);
  }, { rootMargin: "300px" });
  figures.forEach((figure) => near.observe(figure));
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  const next = () => {
    const figure = figures.find((each) => !drawn.has(each));
    if (figure) draw(figure).finally(() => idle(next));
  };
  addEventListener("load", () => setTimeout(() => idle(next), 200));
  const again = () => { tip.hidden = true; [...drawn.keys()].forEach((figure) => draw(figure)); };
  dark.addEventListener("change", again);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const [figure, { width }] of drawn) if (figure.querySelector(".plot").clientWidth !== width) draw(figure);
    }, 150);
  });
  const folded = all("figure details");
  addEventListener("beforeprint", () => { folded.forEach((each) => { each.open = true; }); });
  addEventListener("afterprint", () => { folded.forEach((each) => { each.open = false; }); });
  addEventListener("beforeprint", () => { figures.forEach((figure) => draw(figure, "light", figure.classList.contains("heatmap") ? 520 : 680)); });
  addEventListener("afterprint", again);
})();
