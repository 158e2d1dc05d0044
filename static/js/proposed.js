// Settings that the saved questions find no fault with are saved without another click.
"use strict";

function saveWhenSettled() {
  document.querySelector("#proposed [data-save]")?.closest("form").requestSubmit();
}

saveWhenSettled();
document.addEventListener("htmx:afterSettle", saveWhenSettled);
