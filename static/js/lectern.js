// The few lines that htmx leaves: toasts, dialogs, menus, copying, keys. Every page works without them.
"use strict";

function toast(text, isError = false) {
  const note = document.createElement("p");
  note.className = isError ? "toast toast-error" : "toast";
  note.textContent = text;
  document.getElementById("toasts")?.append(note);
  setTimeout(() => note.remove(), isError ? 9000 : 4000);
}

const words = () => document.body.dataset;

// The server says what happened: HX-Trigger: {"toast": {"text": "...", "error": true}} or {"toast": "..."}.
document.addEventListener("toast", ({ detail }) => toast(detail.text ?? detail.value, detail.error));
document.addEventListener("htmx:responseError", () => toast(words().failed, true));
document.addEventListener("htmx:sendError", () => toast(words().offline, true));

// Whoever was signed out meanwhile gets the sign-in page as a page, not inside a list.
document.addEventListener("htmx:beforeSwap", (event) => {
  const arrived = new URL(event.detail.xhr.responseURL || location.href, location.href);
  if (arrived.pathname.startsWith("/login")) {
    event.preventDefault();
    location.reload();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens-dialog]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.opensDialog)?.showModal();
  }
  event.target.closest("[data-closes-dialog]")?.closest("dialog")?.close();
  const copier = event.target.closest("[data-copies]");
  if (copier) copy(document.getElementById(copier.dataset.copies));
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

document.addEventListener("htmx:afterRequest", ({ target }) => {
  target.closest(".page-actions details.menu")?.removeAttribute("open");
});

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    toast(words().copied);
  } catch {
    source.hidden = false;
    getSelection().selectAllChildren(source); // no clipboard without https: then it is selected, for Ctrl+C
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const box = document.querySelector("[data-focus-key]");
    if (box) {
      event.preventDefault();
      box.focus();
    }
  }
  if (event.key === "Enter" && event.target.matches("textarea[data-enter-submits]")) {
    if (!event.shiftKey && !event.isComposing) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
  if (event.key === "Escape") closeWhatIsOpen();
});

function closeWhatIsOpen() {
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (location.hash === "#menu") {
    location.hash = "#main";
  }
}
