// One row of the queue, cloned from <template id="job">.

let rows = 0;

export class JobRow {
  #drawn = null;
  #number = (rows += 1); // the same picture may be in two rows, and each has its own choice of format

  constructor(job, { retry, remove }) {
    this.element = document.getElementById("job").content.firstElementChild.cloneNode(true);
    const name = job.file.name || "Pasted picture";
    this.#find(".job-name bdi").textContent = name;
    this.#find(".job-name").title = name;
    this.#find("progress").setAttribute("aria-label", `Upload of ${name}`);
    this.#button("retry", `Try ${name} again`, retry);
    this.#button("remove", `Remove ${name} from the list`, remove);
    this.#preview(job.file);
    this.size = formatBytes(job.file.size);
  }

  draw(job) {
    this.element.dataset.state = job.state;
    this.#find("[data-state-text]").textContent = `${this.size} · ${job.message}`;
    const progress = this.#find("progress");
    progress.hidden = job.state !== "uploading" && job.state !== "processing";
    progress.value = job.percent;
    this.#find("[data-retry]").hidden = job.state !== "failed";
    if (job.answer && this.#drawn !== job.answer) this.#showAnswer((this.#drawn = job.answer));
  }

  async #showAnswer(answer) {
    const view = this.#find("[data-view]");
    view.href = `/i/${answer.short_id}`;
    view.hidden = false;
    const result = this.#find(".job-result");
    result.hidden = false;
    if (answer.delete_token) result.append(tokenCard(answer));
    const links = await fetch(`/image/${answer.id}/links`).catch(() => null);
    if (links?.ok) result.insertAdjacentHTML("afterbegin", await links.text());
    for (const radio of result.querySelectorAll("[type=radio]")) radio.name = `format-row-${this.#number}`;
  }

  #preview(file) {
    const image = this.#find(".job-thumb");
    image.onload = () => URL.revokeObjectURL(image.src);
    image.onerror = () => image.replaceWith(Object.assign(document.createElement("span"), { className: "job-thumb" }));
    image.src = URL.createObjectURL(file);
  }

  #button(name, label, action) {
    const button = this.#find(`[data-${name}]`);
    button.setAttribute("aria-label", label);
    button.addEventListener("click", action);
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }
}

function tokenCard(answer) {
  const card = document.getElementById("job-token").content.firstElementChild.cloneNode(true);
  const code = card.querySelector("code");
  code.id = `token-${answer.short_id}`;
  code.textContent = answer.delete_token;
  card.setAttribute("aria-label", `Delete token for ${answer.filename}`);
  card.querySelector("[data-copy]").dataset.copy = code.id;
  Object.assign(card.querySelector("[data-save]").dataset, { save: code.id, filename: `delete-token-${answer.short_id}.txt` });
  return card;
}

function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
