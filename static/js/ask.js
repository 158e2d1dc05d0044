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

  // What is said about the sentences of an answer comes some moments after it. Whoever reads it keeps their place.
  let place = -1;
  const places = (answer) => [...answer.querySelectorAll("a, [tabindex]")];
  const isHeld = (answer) => answer.querySelector(".cite:hover") || (!getSelection().isCollapsed && getSelection().containsNode(answer, true));

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt?.matches(".answer") && isHeld(event.detail.elt)) event.preventDefault(); // it asks again
  });

  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    if (!target?.matches(".answer")) return;
    place = places(target).indexOf(document.activeElement);
    target.setAttribute("aria-live", "off"); // it has been read out
  });

  document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    if (target?.matches(".answer")) places(target)[place]?.focus({ preventScroll: true });
  });
})();
