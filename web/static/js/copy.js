// Copy buttons, "download .txt", and the toast that says it worked.

const SHOWN_MS = 2500;

export function listenForCopy() {
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) copyFrom(sourceOf(copy));
    const save = event.target.closest("[data-save]");
    if (save) download(save.dataset.filename, textOf(document.getElementById(save.dataset.save)));
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

/** The element that the button names, else the field beside it. */
function sourceOf(button) {
  return document.getElementById(button.dataset.copy) ?? button.parentElement.querySelector("input");
}

async function copyFrom(source) {
  if (await write(textOf(source))) return toast("Copied");
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

function textOf(element) {
  return element.value ?? element.textContent;
}

/** Offer `text` as a file. */
export function download(filename, text) {
  const url = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(url), SHOWN_MS);
}
