// Keeps the list of documents as it is on the server: asks again while something is unfinished and replaces only the
// rows that changed, so that what is chosen, open or focused stays. Also choosing many rows.
"use strict";

(() => {
  const QUICK = 1500;
  const HIDDEN = 15000;
  let wait = QUICK;
  let timer = null;
  const list = () => document.getElementById("documents");

  function schedule() {
    clearTimeout(timer);
    if (list() && list().dataset.unfinished !== "0") timer = setTimeout(refresh, document.hidden ? HIDDEN : wait);
  }

  async function refresh() {
    const asked = list().dataset.rows;
    try {
      const answer = await fetch(asked, { headers: { "HX-Request": "true" } });
      if (answer.redirected || answer.status === 404) return location.reload(); // signed out, or no longer allowed
      if (!answer.ok) throw new Error(answer.status);
      wait = QUICK;
      if (list().dataset.rows === asked) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      wait = Math.min(wait * 2, 30000);
    }
    schedule();
  }

  function show(page) {
    const now = page.getElementById("documents");
    const before = list();
    const rows = document.getElementById("document-rows");
    const fresh = now.querySelector("#document-rows");
    if (!rows || !fresh) {
      before.replaceWith(now);
      return started();
    }
    before.dataset.unfinished = now.dataset.unfinished;
    renew(document.getElementById("documents-tabs"), now.querySelector("#documents-tabs"));
    const known = new Map([...rows.children].map((row) => [row.id, row]));
    const order = [...fresh.children].map((row) => {
      const old = known.get(row.id);
      known.delete(row.id);
      return old && old.dataset.state === row.dataset.state ? old : renewRow(old, row);
    });
    known.forEach((row) => row.remove());
    order.forEach((row, i) => rows.children[i] !== row && rows.insertBefore(row, rows.children[i] ?? null));
  }

  function renewRow(old, row) {
    if (old) {
      if (old.querySelector("details[open]")) return old; // somebody is in its menu: next time
      row.querySelectorAll("[type=checkbox]").forEach((box) => { box.checked = old.querySelector(`#${CSS.escape(box.id)}`)?.checked; });
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(row);
      if (focused) document.getElementById(focused)?.focus();
    }
    htmx.process(row);
    return row;
  }

  function renew(old, now) {
    if (old && now && old.textContent !== now.textContent && !old.contains(document.activeElement)) old.replaceWith(now);
  }

  function started() {
    document.querySelectorAll(".only-script").forEach((part) => { part.hidden = false; });
    htmx.process(list());
  }

  document.addEventListener("documents:changed", () => { clearTimeout(timer); timer = setTimeout(refresh, 250); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { wait = QUICK; schedule(); } });
  document.addEventListener("htmx:afterSwap", () => { started(); schedule(); });

  document.addEventListener("change", ({ target }) => {
    const boxes = [...document.querySelectorAll(".row-check")];
    const all = document.getElementById("bulk-all");
    if (target === all) boxes.forEach((box) => { box.checked = all.checked; });
    if (all) {
      const chosen = boxes.filter((box) => box.checked).length;
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-confirms]");
    if (button && !confirm(button.dataset.confirms)) event.preventDefault();
  });

  started();
  schedule();
})();
