// The passage behind a number of an answer: beside it while the pointer or the focus is there, or after a first tap.
"use strict";

(() => {
  const SHOW_AFTER = 90; // milliseconds, so that a pointer on its way past opens nothing
  const HIDE_AFTER = 180; // to get from the number to the card
  const EDGE = 12; // pixels to the edges of the window
  const card = document.createElement("div");
  let number = null; // the one whose passage is shown
  let timer = 0;
  let isTouch = false;

  card.id = "cite-float";
  card.className = "cite-float";
  card.hidden = true;
  document.body.append(card);

  const numberAt = (target) => target.closest?.("a.citation");
  const isInside = (target) => Boolean(target?.closest?.("#cite-float"));

  function show(link) {
    clearTimeout(timer);
    if (number === link) return;
    hide();
    const passage = link.parentElement.querySelector(".cite-card");
    if (!passage) return;
    number = link;
    card.replaceChildren(...passage.cloneNode(true).childNodes);
    card.querySelector(".cite-open").replaceWith(opener(link));
    card.hidden = false;
    link.setAttribute("aria-describedby", card.id);
    sourceOf(link)?.classList.add("is-chosen");
    place();
  }

  function opener(link) {
    const open = document.createElement("a");
    open.className = "cite-open";
    open.href = link.getAttribute("href");
    open.tabIndex = -1; // with keys, Enter on the number opens it
    open.textContent = card.querySelector(".cite-open").textContent;
    return open;
  }

  function hide() {
    clearTimeout(timer);
    number?.removeAttribute("aria-describedby");
    document.querySelectorAll(".source.is-chosen").forEach((source) => source.classList.remove("is-chosen"));
    number = null;
    card.hidden = true;
  }

  function sourceOf(link) {
    const titles = link.closest(".turn")?.querySelectorAll(".source-title") ?? [];
    return [...titles].find((title) => title.getAttribute("href") === link.getAttribute("href"))?.closest(".source");
  }

  function place() {
    if (!number?.isConnected) return;
    const at = number.getClientRects()[0];
    const { width, height } = card.getBoundingClientRect();
    const left = at.left + at.width / 2 - width / 2;
    const fitsBelow = at.bottom + height + EDGE < innerHeight || at.top < height + EDGE;
    card.style.left = `${Math.max(EDGE, Math.min(left, document.documentElement.clientWidth - width - EDGE))}px`;
    card.style.top = `${fitsBelow ? at.bottom + 6 : at.top - height - 6}px`;
  }

  const later = (work, after) => {
    clearTimeout(timer);
    timer = setTimeout(work, after);
  };

  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType !== "mouse") return;
    const link = numberAt(target);
    if (link) later(() => show(link), number ? 0 : SHOW_AFTER);
    else if (isInside(target)) clearTimeout(timer);
    else later(hide, HIDE_AFTER);
  });

  document.addEventListener("focusin", ({ target }) => {
    const link = numberAt(target);
    if (link?.matches(":focus-visible")) show(link);
    else if (number && !link && !isInside(target)) hide();
  });

  document.addEventListener("pointerdown", ({ target, pointerType }) => {
    isTouch = pointerType !== "mouse";
    if (number && !numberAt(target) && !isInside(target)) hide();
  });

  document.addEventListener("click", (event) => {
    const link = numberAt(event.target);
    if (!link || !isTouch || link === number) return; // the second tap follows the link, as every click does
    event.preventDefault();
    show(link);
    card.querySelector("a.cite-open")?.focus({ preventScroll: true });
  });

  document.addEventListener("keydown", ({ key }) => {
    isTouch = false;
    if (key === "Escape" && number) hide();
  });

  document.addEventListener("scroll", place, { capture: true, passive: true });
  window.addEventListener("resize", hide);
})();
