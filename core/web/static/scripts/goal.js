// The page of a goal: it follows the goal's events, and fetches what is opened.
"use strict";

// What the server renders is what counts: an event says that the page is old, and it is fetched
// anew, a second after the last time at the soonest.
const LEAST_PAUSE = 1000;
// More of a text is taken off its beginning.
const MOST_CHARACTERS = 100_000;
// Milliseconds between looks at a goal that has ended.
const RETRY_WATCHED = 5000;

// Also of a page that shows what went wrong with a form.
const address = location.pathname.match(/^\/goals\/[^/]+/)[0] + location.search;
const shown = document.getElementById("goal").dataset;
const streams = document.getElementById("streams");
const writing = document.getElementById("writing");

function detailsByKey(root) {
  return new Map([...root.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one]));
}

// The parts as the server sent them last: what is on the page has changed since, by what was opened.
const sent = new Map();

// Puts in what has changed, and leaves open what the reader opened, with what was fetched for it.
function replace(part, fresh) {
  const text = fresh.outerHTML;
  if (sent.get(part.id) === text) return;
  if (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return;
  if (part.dataset.keep && part.dataset.keep === fresh.dataset.keep) return;
  sent.set(part.id, text);
  const before = detailsByKey(part);
  for (const [key, details] of detailsByKey(fresh)) {
    const old = before.get(key);
    if (!old) continue;
    details.open = old.open;
    const loaded = old.querySelector(":scope > [data-loaded]");
    if (old.dataset.loaded && loaded) {
      details.dataset.loaded = old.dataset.loaded;
      details.querySelector(":scope > [data-loaded]").replaceWith(loaded);
    }
  }
  const focused = part.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.key : null;
  part.replaceWith(fresh);
  if (focused) detailsByKey(fresh).get(focused)?.querySelector("summary")?.focus();
  window.htmx?.process(fresh);
  // As after any other swap: times are shown in the reader's own zone.
  document.dispatchEvent(new CustomEvent("htmx:after:swap", { detail: { ctx: { target: fresh } } }));
}

function isOver() {
  return document.getElementById("goal").dataset.isOver === "yes";
}

let isFetching = false;
let isOld = false;
let fetchedAt = 0;
let usualPause = LEAST_PAUSE;
let timer = 0;

async function refresh() {
  timer = 0;
  isFetching = true;
  isOld = false;
  const began = performance.now();
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = [...page.querySelectorAll("[data-live]")];
      for (const part of fresh) {
        const current = document.getElementById(part.id);
        if (current) replace(current, document.adoptNode(part));
        // Parts that a goal begins to have on its way, such as delegates: the whole page, once.
        else if (!document.activeElement.matches("input, textarea")) return void location.reload();
      }
    }
  } catch {
    isOld = true; // the server is away: it is tried again
  }
  isFetching = false;
  fetchedAt = performance.now();
  // A long page takes its time: it is not fetched all the time.
  usualPause = Math.max(LEAST_PAUSE, 4 * (fetchedAt - began));
  if (isOld) plan();
}

function plan(pause = usualPause) {
  isOld = true;
  if (isFetching || timer || document.hidden) return;
  timer = setTimeout(refresh, Math.max(0, fetchedAt + pause - performance.now()));
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && isOld) plan(); });

// Texts come in many pieces: they are put in once a frame.
const pieces = new Map();
let isDrawing = false;

function draw() {
  isDrawing = false;
  for (const [name, text] of pieces) {
    let stream = [...streams.children].find((item) => item.dataset.stream === name);
    if (!stream) {
      stream = document.createElement("div");
      stream.className = "stream";
      stream.dataset.stream = name;
      const pre = document.createElement("pre");
      pre.className = name.endsWith(".thinking") ? "wrap thinking" : "wrap";
      pre.tabIndex = 0;
      pre.dir = "auto";
      stream.append(pre);
      streams.append(stream);
    }
    const pre = stream.firstElementChild;
    const isAtEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
    const whole = pre.textContent + text;
    if (whole.length > MOST_CHARACTERS) pre.textContent = whole.slice(-MOST_CHARACTERS);
    else pre.append(text);
    if (isAtEnd) pre.scrollTop = pre.scrollHeight;
  }
  pieces.clear();
  writing.hidden = !streams.children.length;
}

function write({ stream, text }) {
  pieces.set(stream, (pieces.get(stream) ?? "") + text);
  if (!isDrawing) {
    isDrawing = true;
    requestAnimationFrame(draw);
  }
}

function withdraw(isGone) {
  for (const name of [...pieces.keys()]) if (isGone(name)) pieces.delete(name);
  for (const item of [...streams.children]) if (isGone(item.dataset.stream)) item.remove();
  writing.hidden = !streams.children.length;
}

function follow(after) {
  // A connection that breaks is made again by the browser, with the number of the last event.
  const source = new EventSource(`/api/goals/${encodeURIComponent(shown.workflowId)}/events?after=${after}`);
  const on = (types, react) => {
    for (const type of types) source.addEventListener(type, (message) => react(JSON.parse(message.data).data, type));
  };
  on(["text.delta"], write);
  on(["text.withdrawn"], ({ stream }) => withdraw((name) => name === stream));
  on(["progress"], ({ percentage, message }) => {
    const bar = document.getElementById("progress");
    if (!bar) return;
    bar.value = percentage;
    document.getElementById("message").textContent = message;
  });
  on(["step.started", "tool.called", "tool.returned", "artifact", "approval.requested", "approval.decided", "policy.decided", "planned", "delegated", "signal"], () => plan());
  on(["step.completed", "step.failed"], ({ step }) => {
    withdraw((name) => name.startsWith(`${step}#`));
    plan();
  });
  on(["run.started", "run.retrying", "run.resumed", "run.waiting", "run.paused", "run.yielded", "run.throttled", "run.retried"], () => plan());
  on(["run.completed", "run.failed", "run.cancelled", "run.terminated"], () => {
    withdraw(() => true);
    plan(0);
  });
  // The stream of a goal that has ended ends: without this the browser would ask again for ever.
  source.addEventListener("error", () => {
    if (!isOver()) return;
    source.close();
    watchForRetry();
  });
}

// A goal that has ended may be retried, here or elsewhere: it is followed again then.
function watchForRetry() {
  if (document.querySelector("#goal .badge.completed")) return; // it stays so
  const timer = setInterval(async () => {
    if (document.hidden || isFetching) return;
    await refresh();
    if (isOver()) return;
    clearInterval(timer);
    follow(document.getElementById("goal").dataset.after);
  }, RETRY_WATCHED);
}

async function load(details) {
  const place = details.querySelector(":scope > [data-loaded]");
  if (!details.open || details.dataset.loaded || !place) return;
  details.dataset.loaded = "yes";
  try {
    const answer = await fetch(details.dataset.load);
    if (!answer.ok) throw new Error(answer.statusText);
    const part = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...[...part.body.childNodes].map((node) => document.adoptNode(node)));
  } catch {
    delete details.dataset.loaded;
    place.textContent = "It cannot be fetched now: close this and open it again.";
  }
}

document.addEventListener("toggle", (event) => { if (event.target.dataset?.load) load(event.target); }, true);
document.addEventListener("error", (event) => {
  // A PDF may have fewer pages than are asked for.
  if (event.target.matches?.("[data-page]")) event.target.classList.add("failed");
}, true);
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

writing.hidden = !streams.children.length;
// What is written last is what a reader follows.
for (const { firstElementChild: pre } of streams.children) pre.scrollTop = pre.scrollHeight;
if (isOver()) watchForRetry();
else follow(shown.after);
// Bars of what is under way grow, and delegates end and write, also when nothing is said for a while.
setInterval(() => {
  if (document.querySelector("#goal .badge.running, #delegates .badge.running, #delegates .badge.waiting")) plan();
}, 5000);
