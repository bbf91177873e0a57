// Files from anywhere on the page: dropped, pasted (unless somebody is typing), or chosen with the button.

export function listenForFiles(form, take) {
  listenForDrops(take);
  listenForPaste(take);
  const picker = form.querySelector("[data-picker]");
  form.querySelector("[data-browse]")?.addEventListener("click", () => picker.click());
  picker?.addEventListener("change", () => {
    take([...picker.files]);
    picker.value = ""; // the same file can be chosen again
  });
}

function listenForDrops(take) {
  let depth = 0; // dragenter and dragleave fire for every element on the way
  let ours = false; // a picture dragged from this very page carries a file too
  const hasFiles = (event) => !ours && (event.dataTransfer?.types.includes("Files") ?? false);
  document.addEventListener("dragstart", () => (ours = true));
  document.addEventListener("dragend", () => (ours = false));
  const show = (inside) => document.body.classList.toggle("dragging", inside);
  document.addEventListener("dragenter", (event) => hasFiles(event) && show(++depth > 0));
  document.addEventListener("dragleave", (event) => hasFiles(event) && show(--depth > 0));
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    take([...event.dataTransfer.files]);
  });
}

function listenForPaste(take) {
  document.addEventListener("paste", (event) => {
    if (event.target.closest?.("input, textarea, [contenteditable]")) return;
    const files = [...event.clipboardData.files];
    if (files.length) take(files);
  });
}
