// What runs on every page. Each part does nothing where its elements are missing; without scripts the pages work as they are.

import { listenForCopy } from "./copy.js";
import { listenForFiles } from "./dropzone.js";
import { enhanceGallery } from "./gallery.js";
import { listenForMenus } from "./menus.js";
import { UploadQueue } from "./queue.js";
import { QueueView } from "./queue_view.js";
import { listenForShortcuts } from "./shortcuts.js";
import { listenForTheme } from "./theme.js";
import { sendFile } from "./transfer.js";

function startUploads() {
  const form = document.querySelector("[data-drop]");
  const section = document.querySelector("[data-queue]");
  if (!form || !section) return;
  const queue = new UploadQueue({ send: sendFile });
  new QueueView(section, queue);
  listenForFiles(form, (files) => {
    const visibility = form.elements.visibility?.value ?? "unlisted";
    const limits = { maxBytes: Number(form.dataset.limit), types: form.dataset.types.split(",") };
    queue.add(files, { visibility, limits });
  });
  window.addEventListener("online", () => queue.resume());
  window.addEventListener("beforeunload", (event) => queue.busy && event.preventDefault());
}

startUploads();
enhanceGallery(document.querySelector("[data-gallery]"));
listenForCopy();
listenForMenus();
listenForShortcuts();
listenForTheme();
