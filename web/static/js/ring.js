// Keeps the ring page up to date: asks every two seconds while the tab is visible and changes in place what differs, so
// that focus, scroll position, selection, open details and what is being typed stay as they are.

const EVERY_MS = 2000;
const DEADLINE_MS = 5000;
const OLD_MS = 6000;

const page = document.querySelector("[data-ring]");
const time = page.querySelector("[data-ring-time]");
const stale = page.querySelector("[data-ring-stale]");
let answered = Date.now();
let timer = 0;

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const headers = { "HX-Request": "true" };
    const answer = await fetch(page.dataset.ring, { headers, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.text());
  } catch {
    complain();
  }
  clearTimeout(timer);
  timer = setTimeout(look, EVERY_MS);
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (old) patch(old, document.importNode(part, true));
  }
  answered = Date.now();
  time.textContent = clock();
  stale.textContent = "";
  stale.className = "";
}

/** When the last answer came, in UTC as the events below say it. */
function clock() {
  return `${new Date(answered).toISOString().slice(11, 19)} UTC`;
}

function complain() {
  if (Date.now() - answered < OLD_MS || stale.textContent) return;
  stale.className = "notice";
  stale.textContent = `No answer since ${clock()}: what you see is from then. The service may be down, or you may have to log in again.`;
}

/** Make `old` like `fresh`, touching nothing that is alike already. What has another key is another thing: a button that
 *  has the focus must not turn into one that does something else. */
function patch(old, fresh) {
  if (old.nodeName !== fresh.nodeName || old.dataset?.key !== fresh.dataset?.key) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  before.slice(after.length).forEach((child) => child.remove());
  after.forEach((child, at) => (before[at] ? patch(before[at], child) : old.append(child)));
}

/** Small deeds without a page load; refused ones go the usual way, to the page that says why. */
async function send(event) {
  const form = event.target.closest("[data-ring-send]");
  if (!form) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  if (answer.type === "opaqueredirect") look();
  else {
    form.removeAttribute("data-ring-send");
    form.requestSubmit(event.submitter);
  }
}

page.addEventListener("submit", send);
document.addEventListener("visibilitychange", look);
setInterval(() => document.hidden || (Date.now() - answered > OLD_MS && complain()), 1000);
timer = setTimeout(look, EVERY_MS);
