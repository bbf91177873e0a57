// Copy buttons, "download .txt", and the toast that says it worked.

const SHOWN_MS = 2500;

export function listenForCopy() {
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) copyFrom(copy);
    const save = event.target.closest("[data-save]");
    if (save) download(save.dataset.filename, textOf(save.dataset.save));
  });
  document.addEventListener("chitram:copy", async (event) => toast((await write(event.detail)) ? "Links copied" : "Copying is not allowed here"));
}

export function toast(text) {
  const element = document.createElement("div");
  element.className = "toast";
  element.textContent = text;
  document.getElementById("toasts").append(element);
  setTimeout(() => element.remove(), SHOWN_MS);
}

async function copyFrom(button) {
  const source = document.getElementById(button.dataset.copy);
  if (await write(textOf(button.dataset.copy))) return toast("Copied");
  source.select?.();
  toast("Press Ctrl+C to copy");
}

/** The clipboard API exists only in secure contexts; a site on plain HTTP in a home network has the old command. */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByCommand(text);
  }
}

function copyByCommand(text) {
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return worked;
}

function textOf(id) {
  const element = document.getElementById(id);
  return element.value ?? element.textContent;
}

function download(filename, text) {
  const url = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(url), SHOWN_MS);
}
