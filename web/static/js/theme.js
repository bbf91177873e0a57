// The theme menu without a page load: shown at once, kept by the server in the same cookie as without a script.

export function listenForTheme() {
  for (const form of document.querySelectorAll("[data-theme-form]")) form.addEventListener("submit", choose);
}

async function choose(event) {
  const { value } = event.submitter;
  const body = new URLSearchParams(new FormData(event.target, event.submitter));
  event.preventDefault();
  show(value);
  await fetch(event.target.action, { method: "POST", body, redirect: "manual" });
}

function show(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-form] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}
