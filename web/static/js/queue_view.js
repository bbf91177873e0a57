// The queue on the page: one row for each job, a sentence about all of them.

import { download } from "./copy.js";
import { JobRow } from "./job_row.js";

export class QueueView {
  #section;
  #queue;
  #rows = new Map();

  constructor(section, queue) {
    this.#section = section;
    this.#queue = queue;
    queue.addEventListener("change", () => this.#draw());
    this.#part("copy-all").addEventListener("click", () => this.#copyAll());
    this.#part("save-tokens").addEventListener("click", () => this.#saveTokens());
    this.#part("clear").addEventListener("click", () => queue.clearFinished());
  }

  #part(name) {
    return this.#section.querySelector(`[data-${name}]`);
  }

  #draw() {
    const jobs = this.#queue.jobs;
    this.#dropRows(jobs);
    for (const job of jobs) this.#rowOf(job).draw(job);
    this.#section.hidden = jobs.length === 0;
    const tray = this.#section.closest(".tray");
    if (tray) tray.hidden = jobs.length === 0;
    this.#say(jobs);
  }

  #rowOf(job) {
    if (!this.#rows.has(job)) {
      const row = new JobRow(job, { retry: () => this.#queue.retry(job), remove: () => this.#queue.remove(job) });
      this.#rows.set(job, row);
      this.#part("queue-rows").append(row.element);
    }
    return this.#rows.get(job);
  }

  #dropRows(jobs) {
    for (const [job, row] of this.#rows) {
      if (!jobs.includes(job)) {
        row.element.remove();
        this.#rows.delete(job);
      }
    }
  }

  #say(jobs) {
    const good = jobs.filter((job) => job.state === "done" || job.state === "duplicate").length;
    const bad = jobs.filter((job) => job.state === "refused" || job.state === "failed");
    write(this.#part("queue-summary"), `${good} of ${jobs.length} uploaded${bad.length ? `, ${bad.length} not` : ""}`);
    write(this.#part("queue-alert"), bad.map((job) => `${job.file.name}: ${job.message}`).join(". "));
    this.#part("copy-all").hidden = good < 2;
    this.#part("save-tokens").hidden = this.#withToken().length < 2;
    this.#part("clear").hidden = good + bad.length === 0;
  }

  #withToken() {
    return this.#queue.jobs.filter((job) => job.answer?.delete_token);
  }

  /** One line a picture: its name, its address, its token. */
  #saveTokens() {
    const lines = this.#withToken().map(({ file, answer }) =>
      [file.name, new URL(`/i/${answer.short_id}`, location), answer.delete_token].join("\t"));
    download("delete-tokens.txt", lines.join("\n"));
  }

  #copyAll() {
    const links = [...this.#section.querySelectorAll("[data-format=url] input")].map((input) => input.value);
    document.dispatchEvent(new CustomEvent("chitram:copy", { detail: links.join("\n") }));
  }
}

/** Live regions speak when their text changes: leave it alone when it does not. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
