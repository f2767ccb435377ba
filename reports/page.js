"use strict";
(() => {
  // By element and id: a section may have the same id, and a page without the command has no buttons.
  const embedded = (id) => JSON.parse(document.querySelector(`script#${id}`).textContent);
  const specs = embedded("charts-json");

  // Charts. One in a folded part is drawn when that part is opened.
  const draw = (place) => {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const spec = specs[Number(place.dataset.chart)];
    // Panels cannot be fitted to a width: beside them stand the labels of the axis.
    if (spec.facet && spec.spec) spec.spec.width = Math.max(140, Math.min(900, place.clientWidth - 64));
    // `ast` evaluates expressions without eval, which the page's security policy forbids.
    vegaEmbed(place, spec, { renderer: "svg", actions: false, ast: true }).then(() => offer(place)).catch((error) => {
      place.textContent = "This chart could not be drawn; its numbers stand below.";
      console.error(error);
    });
  };
  const drawVisible = (root) => {
    for (const place of root.querySelectorAll("[data-chart]")) {
      if (!place.closest("details:not([open])")) draw(place);
    }
  };
  drawVisible(document);
  for (const part of document.querySelectorAll("details")) part.addEventListener("toggle", () => drawVisible(part));

  // A chart as an image: to copy it or, where the browser does not let us, to save it.
  const offer = (place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "image";
    button.textContent = "Copy as an image";
    button.setAttribute("aria-label", `Copy as an image: ${place.closest("figure")?.querySelector("h3")?.textContent ?? "chart"}`);
    button.addEventListener("click", () => copyImage(place.querySelector("svg"), button));
    place.after(button);
  };
  const drawing = (svg) => {
    // An image knows nothing of the page's variables: their values are put in.
    const style = getComputedStyle(document.documentElement);
    const resolved = svg.outerHTML.replace(/var\((--[a-z0-9-]+)\)/g, (whole, name) => style.getPropertyValue(name).trim() || "#888");
    const box = svg.getBoundingClientRect();
    return { text: resolved, width: box.width, height: box.height, background: style.getPropertyValue("--surface").trim() || "#fff" };
  };
  const rendered = (svg) => new Promise((resolve, reject) => {
    const { text, width, height, background } = drawing(svg);
    const image = new Image();
    image.onerror = () => reject(new Error("no image came of the chart"));
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = 2 * width + 48;
      canvas.height = 2 * height + 48;
      const context = canvas.getContext("2d");
      context.fillStyle = background;
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 24, 24, 2 * width, 2 * height);
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("there is no image"))), "image/png");
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  });
  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const copyImage = async (svg, button) => {
    try {
      const blob = await rendered(svg);
      try {
        await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        button.textContent = "Copied";
      } catch {
        save(blob, "chart.png");
        button.textContent = "Saved as chart.png";
      }
    } catch (error) {
      button.textContent = "No image could be made";
      console.error(error);
    }
  };

  // Tables: a click on a heading sorts by it. What has no number stands last.
  const scale = { k: 1e3, M: 1e6, G: 1e9, s: 1e3, min: 6e4, MiB: 1, GiB: 1024 };
  const amount = (cell) => {
    const text = cell.dataset.sort ?? cell.firstChild?.textContent ?? "";
    const found = /^[\s(✗!✓]*([+-]?[\d,]*\.?\d+)\s*([A-Za-z]*)/.exec(text);
    return found ? Number(found[1].replaceAll(",", "")) * (scale[found[2]] ?? 1) : null;
  };
  const compared = (one, other, numbers) => {
    if (!numbers) return one.textContent.trim().localeCompare(other.textContent.trim(), "en", { numeric: true });
    const [a, b] = [amount(one), amount(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return a - b;
  };
  const sort = (heading, column) => {
    const table = heading.closest("table");
    const down = heading.getAttribute("aria-sort") === "ascending";
    const numbers = heading.classList.contains("number");
    for (const each of table.querySelectorAll("thead th")) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const told = (row) => !numbers || amount(row.cells[column]) !== null;
    const rows = [...body.rows].sort((one, other) => {
      const order = compared(one.cells[column], other.cells[column], numbers);
      return down && told(one) && told(other) ? -order : order;
    });
    body.append(...rows);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.querySelectorAll("thead th")].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(heading, column));
    });
  }

  document.querySelector("button#copy")?.addEventListener("click", (event) => {
    const selection = window.getSelection();
    selection.selectAllChildren(document.querySelector("pre#command"));
    const done = document.execCommand("copy");
    event.target.textContent = done ? "Copied" : "Press Ctrl+C to copy";
  });
  document.querySelector("button#download")?.addEventListener("click", async () => {
    const packed = Uint8Array.from(atob(document.querySelector("script#results-json-gz").textContent), (sign) => sign.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const results = await new Response(unpacked).json();
    save(new Blob([JSON.stringify(results, null, 2)], { type: "application/json" }), `${results.run}.json`);
  });
})();
