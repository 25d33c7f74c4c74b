// The list of goals: choosing many, with the keyboard too.
"use strict";

const form = document.querySelector("[data-choose]:has([data-chosen-count])");
let last = null;

function boxes() {
  return [...form.querySelectorAll("input[name=run]")];
}

function show() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked);
  form.querySelector("[data-chosen-count]").textContent = `${chosen.length} chosen`;
  const every = form.querySelector("[data-choose-all]");
  if (!every) return;
  every.checked = chosen.length > 0 && chosen.length === all.length;
  every.indeterminate = chosen.length > 0 && chosen.length < all.length;
}

function chooseThrough(box) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
  if (from >= 0) for (const between of all.slice(from, to + 1)) between.checked = box.checked;
}

if (form) {
  form.addEventListener("click", (event) => {
    const box = event.target;
    if (box.matches("[data-choose-all]")) for (const one of boxes()) one.checked = box.checked;
    else if (box.matches("input[name=run]")) {
      if (event.shiftKey) chooseThrough(box);
      last = box;
    } else return;
    show();
  });
  form.addEventListener("reset", () => setTimeout(show));
  document.addEventListener("htmx:after:swap", show);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = document.activeElement.closest("[data-row]")?.querySelector("input[name=run]");
    box?.click();
  });
  show(); // browsers keep what was chosen when they come back to a page
}
