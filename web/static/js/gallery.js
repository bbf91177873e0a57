// "Show more pictures" with a script: focus goes to the first new picture, a live region says how many came, and going
// back restores the loaded pages and the position. The pages' addresses are kept in the history entry, and what they
// hold is fetched again: a picture that was deleted meanwhile does not come back.

export function enhanceGallery(list) {
  if (!list) return;
  let swap = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (list.contains(detail.target)) swap = { path: detail.pathInfo.requestPath, before: pictures(list).length };
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!swap) return; // it is fired for every new element
    announce(list, swap);
    swap = null;
  });
  document.addEventListener("htmx:sendError", () => {
    list.querySelector(".more a").textContent = "No connection. Try again";
    say("The pictures could not be loaded. Check the connection and try again.");
  });
  window.addEventListener("pagehide", () => history.replaceState({ ...history.state, y: window.scrollY }, ""));
  restore(list);
}

function pictures(list) {
  return list.querySelectorAll(":scope > li:not(.more)");
}

function announce(list, { path, before }) {
  const all = pictures(list);
  const added = all.length - before;
  if (added > 0) {
    remember(path);
    (all[before].querySelector("a:not([tabindex])") ?? all[before]).focus({ preventScroll: true });
    say(`${added} more picture${added === 1 ? "" : "s"}`);
  } else {
    list.querySelector(".more a")?.focus();
  }
}

function say(text) {
  document.getElementById("announcer").textContent = text;
}

function remember(path) {
  history.scrollRestoration = "manual";
  history.replaceState({ ...history.state, pages: [...(history.state?.pages ?? []), path] }, "");
}

async function restore(list) {
  const { pages = [], y = 0 } = history.state ?? {};
  if (!pages.length) return;
  history.scrollRestoration = "manual";
  const answers = await Promise.all(pages.map((path) => fetch(path, { headers: { "HX-Request": "true" } })));
  for (const answer of answers) {
    if (!answer.ok) return;
    list.querySelector(".more").outerHTML = await answer.text();
  }
  window.htmx.process(list);
  window.scrollTo(0, y);
}
