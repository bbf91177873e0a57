// Single keys, as the "?" sheet lists them. Ignored while somebody types, with a modifier, and under an open dialog.

const ACTIONS = {
  "?": () => document.getElementById("shortcuts").showModal(),
  u: () => location.assign("/upload"),
  g: () => location.assign("/"),
  c: () => visible(".copy-line [data-copy]")?.click(),
  d: () => document.querySelector("[data-download]")?.click(),
  ArrowRight: () => moveFocus(1),
  ArrowLeft: () => moveFocus(-1),
};

export function listenForShortcuts() {
  document.addEventListener("keydown", (event) => {
    const action = ACTIONS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
    if (action() !== false) event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-shortcuts]")) button.addEventListener("click", ACTIONS["?"]);
}

function busy(target) {
  return target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open], [popover]:popover-open");
}

function visible(selector) {
  return [...document.querySelectorAll(selector)].find((element) => element.offsetParent);
}

/** Left and right walk the pictures; elsewhere the keys keep their meaning. */
function moveFocus(step) {
  const links = [...document.querySelectorAll("[data-gallery] > li > a:not([tabindex]), [data-gallery] .card-title")];
  if (!links.length) return false;
  const at = links.findIndex((link) => link.closest("li").contains(document.activeElement));
  links[at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1)].focus();
}
