// Texts are measured against the drawing that they are in, all else against the window.
window.addEventListener("load", () => setTimeout(() => {
  const cut = [];
  const slack = 1;
  const out = (box, frame) => box.width > 0 && (box.left < frame.left - slack || box.right > frame.right + slack);
  for (const svg of document.querySelectorAll(".chart svg")) {
    const frame = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (text.textContent.trim() && (out(box, frame) || box.top < frame.top - slack || box.bottom > frame.bottom + slack)) {
        cut.push(`chart text ${JSON.stringify(text.textContent)} ${Math.round(box.left)}..${Math.round(box.right)} in ${Math.round(frame.left)}..${Math.round(frame.right)}`);
      }
    }
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() && text.getBoundingClientRect().width > 0 && getComputedStyle(text).opacity !== "0");
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
      if (a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 4 && b.bottom > a.top + 4) cut.push(`texts over each other: ${one} | ${other}`);
    }));
  }
  const window_ = { left: 0, right: document.documentElement.clientWidth };
  for (const element of document.querySelectorAll("h1, h2, h3, p, li, summary, button, figure, nav a, .scroll, pre, svg")) {
    if (element.closest(".scroll") && !element.matches(".scroll")) continue;
    if (element.matches(".skip")) continue;
    if (out(element.getBoundingClientRect(), window_)) cut.push(`${element.tagName} ${element.textContent.slice(0, 60)}`);
  }
  const page = document.documentElement;
  parent.postMessage({ cut, overflow: page.scrollWidth - page.clientWidth, height: page.scrollHeight, width: innerWidth,
    charts: document.querySelectorAll(".chart svg").length }, "*");
}, 3000));
