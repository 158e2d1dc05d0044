// Keeps the place while earlier pages or text are put in above it.
"use strict";

(() => {
  let height = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    height = event.detail.requestConfig?.path.includes("direction=up") ? document.documentElement.scrollHeight : 0;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (height) window.scrollBy(0, document.documentElement.scrollHeight - height);
    height = 0;
  });
})();
