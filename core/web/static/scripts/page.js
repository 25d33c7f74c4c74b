// What every page has: theme, keyboard, copy buttons, times in the reader's own zone.
"use strict";

const THEMES = ["system", "light", "dark"];

function showTheme(theme) {
  const root = document.documentElement;
  if (theme === "system") root.removeAttribute("data-theme");
  else root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.title = button.ariaLabel = `Theme: ${theme}`;
    const use = button.querySelector("use");
    use?.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${theme}`));
  }
}

function nextTheme() {
  const now = document.documentElement.dataset.theme ?? "system";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
  showTheme(next);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  const use = button.querySelector("use");
  const before = use.getAttribute("href");
  use.setAttribute("href", before.replace(/#.*/, "#completed"));
  button.classList.add("copied");
  setTimeout(() => {
    use.setAttribute("href", before);
    button.classList.remove("copied");
  }, 1500);
}

// The server writes times in UTC, which is right anywhere; here the reader's zone is known.
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localTimes(root) {
  for (const element of root.querySelectorAll?.("time[datetime]") ?? []) {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.getTime())) continue;
    if (element.dataset.show === "age") element.title = TIME.format(time);
    else element.textContent = TIME.format(time);
  }
}

function moveAlongList(distance) {
  const rows = [...document.querySelectorAll("[data-rows] [data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.min(Math.max(at + distance, 0), rows.length - 1)];
  next.querySelector("a[href]")?.focus();
  next.scrollIntoView({ block: "nearest" });
}

function isWriting(element) {
  return element.closest("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape") {
    // The browser closes it, and the focus goes back to what opened it.
    if (document.querySelector(":popover-open")) return;
    const open = document.activeElement.closest("details[open]:not([data-stays])");
    if (open) open.open = false;
    else document.activeElement.blur();
    return;
  }
  if (isWriting(event.target)) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "j") moveAlongList(1);
  else if (event.key === "k") moveAlongList(-1);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  else if (button && "themeToggle" in button.dataset) nextTheme();
});

// Who answers one approval answers the others of the page too.
document.addEventListener("change", ({ target }) => {
  if (!target.matches(".answer [name=by]")) return;
  for (const other of document.querySelectorAll(".answer [name=by]")) {
    const knows = other.options ? [...other.options].some((option) => option.value === target.value) : true;
    if (!other.value && knows) other.value = target.value;
  }
});

// A page that nobody looks at need not be kept up to date.
document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail?.ctx?.sourceElement;
  if (document.hidden && source?.getAttribute("hx-trigger")?.startsWith("every")) event.preventDefault();
});

function showAway(isAway) {
  document.getElementById("away").hidden = !isAway;
}

document.addEventListener("htmx:error", () => showAway(true));
document.addEventListener("htmx:response:error", (event) => {
  if (event.detail?.ctx?.response?.raw?.status >= 500) showAway(true);
});
document.addEventListener("htmx:after:request", (event) => {
  if (event.detail?.ctx?.response?.raw?.ok) showAway(false);
});

// What htmx sends has the token that proves which page it comes from.
document.addEventListener("htmx:config:request", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  const headers = event.detail?.ctx?.request?.headers;
  if (token && headers) headers["X-CSRF-Token"] = token;
});

document.addEventListener("htmx:after:swap", (event) => localTimes(event.detail?.ctx?.target ?? document));
document.documentElement.classList.add("scripted");
showTheme(document.documentElement.dataset.theme ?? "system");
localTimes(document);
