// The charts of the call log. Their numbers stand on the page as JSON.
"use strict";

const drawn = [];

function dataset(one, chart, style) {
  const colour = style.getPropertyValue(`--lectern-series-${one.colour}`).trim();
  const alone = chart.labels.length < 40 ? 2 : 0;
  return { label: one.name, data: one.values, borderColor: colour, backgroundColor: colour, borderWidth: chart.kind === "lines" ? 2 : 0, pointRadius: alone, spanGaps: true, tension: 0 };
}

function axis(ink, grid, more) {
  return { ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16 }, grid: { color: grid }, border: { color: grid }, ...more };
}

function draw(figure) {
  const chart = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
  const style = getComputedStyle(figure);
  const ink = style.color;
  const grid = style.getPropertyValue("--lectern-grid").trim();
  const stacked = chart.kind === "bars";
  drawn.push(new Chart(figure.querySelector("canvas"), {
    type: stacked ? "bar" : "line",
    data: { labels: chart.labels, datasets: chart.series.map((one) => dataset(one, chart, style)) },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { position: "bottom", labels: { color: ink, boxWidth: 10, boxHeight: 10 } } },
      scales: { x: axis(ink, grid, { stacked, grid: { display: false } }), y: axis(ink, grid, { stacked, beginAtZero: true }) },
    },
  }));
}

function drawAll() {
  while (drawn.length) drawn.pop().destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  document.querySelectorAll("[data-chart]").forEach(draw);
}

drawAll();
new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
