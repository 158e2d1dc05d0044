// Charts of evaluations. Their numbers stand on the page as JSON and, for everyone, as a table.
"use strict";

const drawn = [];

function colour(element, property) {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  probe.style.color = `var(${property})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function line(name, values, stroke, more = {}) {
  return { label: name, data: values, borderColor: stroke, backgroundColor: stroke, borderWidth: 2, pointRadius: 3, spanGaps: true, tension: 0, ...more };
}

function axis(ink, grid, title, more = {}) {
  return { ticks: { color: ink }, grid: { color: grid }, border: { color: grid }, title: { display: Boolean(title), text: title, color: ink }, ...more };
}

function draw(figure) {
  const chart = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
  const keys = [...figure.querySelectorAll(".series")];
  const ink = colour(figure, "--ink-soft");
  const grid = colour(figure, "--line");
  const datasets = chart.series.map((one, place) => line(one.name, one.values, colour(keys[place], "--series")));
  const scales = { x: axis(ink, grid, chart.x), y: axis(ink, grid, chart.y, { min: 0, max: 1 }) };
  if (chart.right) {
    datasets.push(line(chart.right.name, chart.right.values, colour(keys.at(-1), "--series"), { yAxisID: "right", borderDash: [5, 4] }));
    scales.right = axis(ink, grid, chart.right.name, { position: "right", min: 0, grid: { drawOnChartArea: false } });
  }
  drawn.push(new Chart(figure.querySelector("canvas"), {
    type: "line",
    data: { labels: chart.labels, datasets },
    options: { animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "index", intersect: false }, plugins: { legend: { display: false } }, scales },
  }));
}

function drawAll() {
  while (drawn.length) drawn.pop().destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  document.querySelectorAll("[data-chart]").forEach(draw);
}

drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
