// Sends each file on its own, three at a time, so that one that is refused does not hinder the others.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const say = form.dataset;
  const input = form.querySelector("[type=file]");
  const folderInput = document.getElementById("folder-input");
  const panel = document.getElementById("upload-progress");
  const bar = panel.querySelector("progress");
  const words = document.getElementById("upload-words");
  const outcomes = document.getElementById("outcomes");
  const AT_ONCE = 3;
  const waiting = [];
  const running = new Map(); // request -> bytes sent of its file
  let total = { files: 0, bytes: 0 };
  let done = { files: 0, bytes: 0, taken: 0 };

  function add(files) {
    if (!running.size && !waiting.length) {
      total = { files: 0, bytes: 0 };
      done = { files: 0, bytes: 0, taken: 0 };
      outcomes.replaceChildren();
    }
    for (const { file, folder } of files) {
      total.files += 1;
      total.bytes += file.size;
      if (file.size > Number(say.most)) refuse(file, say.tooLarge);
      else waiting.push({ file, folder });
    }
    panel.hidden = !total.files;
    show();
    while (running.size < AT_ONCE && waiting.length) send(waiting.shift());
  }

  function send(item) {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    body.append("folder", item.folder);
    body.append("file", item.file, item.file.name);
    running.set(request, 0);
    request.upload.addEventListener("progress", (event) => {
      running.set(request, Math.min(event.loaded, item.file.size));
      show();
    });
    request.addEventListener("loadend", () => {
      running.delete(request);
      if (request.status === 200) take(request.responseText, item.file);
      else if (!request.wasStopped) refuse(item.file, request.status ? say.failed : say.lost, item);
      if (waiting.length) send(waiting.shift());
      show();
    });
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.send(body);
  }

  function take(html, file) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const rows = [...page.querySelectorAll("[data-outcome]")];
    if (!rows.length) return refuse(file, say.lost); // signed out meanwhile
    done.files += 1;
    done.bytes += file.size;
    for (const row of rows) {
      if (row.dataset.outcome !== "refused") done.taken += 1;
      if (row.dataset.outcome !== "new") outcomes.append(row);
    }
    document.dispatchEvent(new CustomEvent("documents:changed"));
  }

  function refuse(file, sentence, again = null) {
    done.files += 1;
    done.bytes += file.size;
    const row = document.createElement("li");
    row.className = "row outcome";
    row.innerHTML = '<div class="row-main"><span class="row-title"></span><p class="row-error"></p></div>';
    row.querySelector(".row-title").textContent = file.name;
    row.querySelector(".row-error").textContent = sentence;
    if (again) {
      const button = document.createElement("button");
      button.className = "button button-small";
      button.type = "button";
      button.textContent = say.again;
      button.addEventListener("click", () => {
        row.remove();
        add([again]);
      });
      row.append(button);
    }
    outcomes.append(row);
  }

  function show() {
    const sent = done.bytes + [...running.values()].reduce((a, b) => a + b, 0);
    const isDone = !running.size && !waiting.length;
    bar.value = total.bytes ? (100 * sent) / total.bytes : isDone ? 100 : 0;
    const numbers = isDone ? done.taken : done.files;
    words.textContent = (isDone ? say.sent : say.sending).replace("%(done)s", numbers).replace("%(total)s", total.files);
    document.getElementById("upload-stop").hidden = isDone;
  }

  // --- where files come from: the chooser, a folder, dropped files and folders --------------

  const plain = (list) => [...list].map((file) => ({ file, folder: folderOf(file.webkitRelativePath) }));
  const folderOf = (path) => (path ? path.split("/").slice(0, -1).join("/") : "");

  input.addEventListener("change", () => {
    add(plain(input.files));
    input.value = "";
  });
  document.getElementById("choose-folder").addEventListener("click", () => folderInput.click());
  folderInput.addEventListener("change", () => {
    add(plain(folderInput.files).filter(({ file }) => isVisible(file.name)));
    folderInput.value = "";
  });
  const isVisible = (name) => !name.startsWith(".") && name !== "Thumbs.db" && name !== "desktop.ini";

  async function filesIn(entry, folder = "") {
    if (entry.isFile) return [{ file: await new Promise((ok, no) => entry.file(ok, no)), folder }];
    const reader = entry.createReader();
    const inside = [];
    for (;;) {
      const some = await new Promise((ok, no) => reader.readEntries(ok, no)); // a hundred at a time
      if (!some.length) break;
      inside.push(...some.filter(({ name }) => isVisible(name)));
    }
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    return (await Promise.all(inside.map((each) => filesIn(each, path)))).flat();
  }

  const zone = document.getElementById("dropzone");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  document.addEventListener("dragenter", (event) => {
    if (hasFiles(event) && ++depth === 1) zone.classList.add("is-dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth === 0) zone.classList.remove("is-dragging");
  });
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove("is-dragging");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return add(plain(event.dataTransfer.files));
    add((await Promise.all(entries.map((entry) => filesIn(entry)))).flat());
  });

  document.getElementById("upload-stop").addEventListener("click", () => {
    waiting.length = 0;
    for (const request of running.keys()) {
      request.wasStopped = true;
      request.abort();
    }
    words.textContent = say.stopped.replace("%(done)s", done.taken).replace("%(total)s", total.files);
    document.getElementById("upload-stop").hidden = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (running.size || waiting.length) event.preventDefault();
  });
})();
