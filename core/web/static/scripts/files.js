// A goal's form: files that are dropped or chosen, examples to click, commands that follow it.
"use strict";

const form = document.querySelector("[data-goal-form]");
const token = document.querySelector('meta[name="csrf-token"]')?.content;
const UPLOADED = /^upload:([0-9a-f]{32})(?:\/(.+))?$/;
let uploading = 0;

function size(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let value = bytes, unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${unit && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

// As on pages that the server made: what would steer or turn the line round is shown.
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function element(name, values = {}, ...children) {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
}

function icon(name) {
  const sprite = document.querySelector("svg.icon use").getAttribute("href").replace(/#.*/, "");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  svg.firstChild.setAttribute("href", `${sprite}#${name}`);
  return svg;
}

function changed(input) {
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function lines(input) {
  return input.value.split("\n").map((line) => line.trim()).filter(Boolean);
}

class DropZone {
  constructor(zone) {
    this.zone = zone;
    this.input = document.getElementById(zone.dataset.drop);
    this.list = zone.querySelector(".uploads");
    this.takesMany = "many" in zone.dataset;
    const chooser = zone.querySelector("input[type=file]");
    const takeChosen = () => {
      this.take(chooser.files);
      chooser.value = "";
    };
    chooser.addEventListener("change", takeChosen);
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    zone.addEventListener("dragleave", (event) => {
      if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
    });
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.take(event.dataTransfer.files);
    });
    // A form that comes back has what was handed in before.
    for (const path of lines(this.input)) {
      const found = UPLOADED.exec(path);
      if (found) this.add(found[2] ?? "a file", "handed in", path);
    }
    this.input.addEventListener("input", () => this.show());
    this.show();
    takeChosen(); // what was chosen before this script was there
  }

  // A path that stands for a file of the list need not be read as well.
  show() {
    const paths = lines(this.input);
    this.zone.classList.toggle("filled", this.list.children.length > 0);
    this.zone.classList.toggle("files-only", paths.length > 0 && paths.every((path) => UPLOADED.test(path)));
  }

  take(files) {
    for (const file of this.takesMany ? files : [...files].slice(0, 1)) this.send(file);
  }

  add(name, about, path) {
    const remove = element("button", { type: "button", className: "btn quiet icon-only slim", ariaLabel: `Take ${visible(name)} away` }, icon("remove"));
    const words = element("span", { className: "about", textContent: about });
    const item = element("li", {}, icon("file"), element("bdi", { textContent: visible(name) }), words, remove);
    if (!this.takesMany) this.list.replaceChildren();
    this.list.append(item);
    this.show();
    if (path) this.arrived(item, path);
    remove.addEventListener("click", () => {
      item.request?.abort();
      if (item.path) this.drop(item.path);
      item.remove();
      this.show();
    });
    return item;
  }

  arrived(item, path) {
    item.path = path;
    item.classList.add("there");
  }

  drop(path) {
    const kept = lines(this.input).filter((line) => line !== path);
    this.input.value = kept.join("\n");
    changed(this.input);
    const id = UPLOADED.exec(path)[1];
    fetch(`${this.zone.dataset.upload}/${id}`, { method: "DELETE", headers: token ? { "X-CSRF-Token": token } : {} }).catch(() => {});
  }

  send(file) {
    const item = this.add(file.name, `${size(file.size)}, waiting`);
    const words = item.querySelector(".about");
    const bar = element("progress", { max: 100, value: 0, className: "meter", ariaLabel: `${file.name} is handed in` });
    words.after(bar);
    const request = (item.request = new XMLHttpRequest());
    request.open("POST", `${this.zone.dataset.upload}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (token) request.setRequestHeader("X-CSRF-Token", token);
    request.upload.addEventListener("progress", (event) => {
      const share = event.total ? (100 * event.loaded) / event.total : 0;
      bar.value = share;
      words.textContent = `${size(file.size)}, ${Math.round(share)} %`;
    });
    const fail = (why) => {
      words.className = "wrong";
      words.textContent = visible(why);
    };
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* a proxy's own page */ }
      if (request.status !== 201) return fail(answer.detail ?? `It was refused (${request.status}): try again`);
      words.textContent = size(file.size);
      this.input.value = this.takesMany ? [...lines(this.input), answer.path].join("\n") : answer.path;
      this.arrived(item, answer.path);
      this.show();
      changed(this.input);
    });
    request.addEventListener("error", () => fail("The connection was lost: take it away and drop it again"));
    request.addEventListener("loadend", () => {
      bar.remove();
      uploading -= 1;
      showUploading();
    });
    uploading += 1;
    showUploading();
    request.send(file);
  }
}

function showUploading() {
  form.querySelector("[data-uploading]").hidden = uploading === 0;
  form.querySelector("[data-submit]").setAttribute("aria-disabled", String(uploading > 0));
}

form.addEventListener("submit", (event) => {
  if (uploading > 0) event.preventDefault();
});

form.querySelector('[aria-invalid="true"]')?.focus();
for (const zone of form.querySelectorAll("[data-drop]")) new DropZone(zone);

document.addEventListener("click", (event) => {
  const filling = event.target.closest("[data-fill]");
  if (filling) {
    event.preventDefault();
    const input = document.getElementById(filling.dataset.fill);
    input.value = filling.dataset.value;
    input.focus();
    changed(input);
  }
  const other = event.target.closest("[data-keep-description]");
  const description = form.elements.description.value;
  if (other && description) other.href = `${other.pathname}?${new URLSearchParams({ description })}`;
});

// What is dropped beside a zone must not replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
