// What happens while an answer is sought: the question is shown at once.
"use strict";

(() => {
  const form = document.getElementById("ask-form");
  const turns = document.getElementById("turns");
  const pending = document.getElementById("pending");
  const box = form?.querySelector("textarea");

  form?.addEventListener("htmx:beforeRequest", () => {
    document.getElementById("ask-errors").replaceChildren();
    form.classList.add("is-asking");
    if (!turns || !pending) return;
    const turn = pending.content.cloneNode(true);
    turn.querySelector(".turn-question").textContent = box.value;
    turns.append(turn);
    turns.lastElementChild.scrollIntoView({ block: "start", behavior: "smooth" });
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!form || event.detail.requestConfig?.elt !== form) return;
    turns?.querySelectorAll(".turn-pending").forEach((turn) => turn.remove());
    form.classList.remove("is-asking");
    if (event.detail.xhr.status === 422) {
      event.detail.target = document.getElementById("ask-errors");
      event.detail.swapOverride = "innerHTML";
    } else if (turns && event.detail.xhr.status === 200) {
      box.value = "";
    }
  });

  for (const failure of ["htmx:sendError", "htmx:responseError"]) {
    form?.addEventListener(failure, () => {
      turns?.querySelectorAll(".turn-pending").forEach((turn) => turn.remove());
      form.classList.remove("is-asking");
    });
  }

  // A conversation that is opened again begins where it ended.
  if (turns && !location.hash && turns.children.length > 1) turns.lastElementChild.scrollIntoView({ block: "start" });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target !== turns) return;
    turns.lastElementChild?.scrollIntoView({ block: "start", behavior: "smooth" });
    box?.focus({ preventScroll: true });
  });
})();
