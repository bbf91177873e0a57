// The upload queue's rules, without a page or a network: three at a time, who waits for what, what can be tried again.
//
// A job goes queued → uploading → processing → done | duplicate | refused | failed. "Later" from the server (429, 503)
// pauses the whole queue for the seconds it asks for, "offline" until the browser is online again; both resume alone.

export const PARALLEL = 3;
const RUNNING = new Set(["uploading", "processing"]);
const FINISHED = new Set(["done", "duplicate", "refused", "failed"]);

export class UploadQueue extends EventTarget {
  #send;
  #pausedUntil = 0;
  #ticker = null;
  jobs = [];

  constructor({ send }) {
    super();
    this.#send = send;
  }

  /** Whether leaving the page now would lose something. */
  get busy() {
    return this.jobs.some((job) => !FINISHED.has(job.state));
  }

  add(files, { visibility, limits }) {
    for (const file of files) {
      const job = { file, visibility, key: randomKey(), state: "queued", percent: 0, message: "Waiting its turn" };
      const refusal = refuse(file, limits);
      this.jobs.push(Object.assign(job, refusal && { state: "refused", message: refusal }));
    }
    this.#changed();
    this.#pump();
  }

  remove(job) {
    job.abort?.();
    this.jobs = this.jobs.filter((other) => other !== job);
    this.#changed();
    this.#pump();
  }

  retry(job) {
    this.#update(job, { state: "queued", message: "Waiting its turn" });
    this.#pump();
  }

  clearFinished() {
    this.jobs = this.jobs.filter((job) => !FINISHED.has(job.state));
    this.#changed();
  }

  /** End every wait: the countdown is over, or the browser is online again. */
  resume() {
    this.#pausedUntil = 0;
    clearInterval(this.#ticker);
    for (const job of this.jobs) {
      if (job.state === "waiting") Object.assign(job, { state: "queued", message: "Waiting its turn" });
    }
    this.#changed();
    this.#pump();
  }

  #pump() {
    if (this.#pausedUntil) return;
    let places = PARALLEL - this.jobs.filter((job) => RUNNING.has(job.state)).length;
    for (const job of this.jobs) {
      if (places > 0 && job.state === "queued") {
        places -= 1;
        this.#run(job);
      }
    }
  }

  async #run(job) {
    this.#update(job, { state: "uploading", percent: 0, message: "Uploading" });
    const outcome = await this.#send(job, (percent) => this.#progress(job, percent));
    if (!this.jobs.includes(job)) return; // removed meanwhile
    if (outcome.state === "waiting") this.#pause(outcome.seconds);
    this.#update(job, outcome);
    this.#pump();
  }

  #progress(job, percent) {
    const whole = percent >= 100;
    this.#update(job, { state: whole ? "processing" : "uploading", percent, message: whole ? "Processing" : `Uploading, ${percent} %` });
  }

  #pause(seconds) {
    this.#pausedUntil = seconds === null ? Infinity : Math.max(this.#pausedUntil, Date.now() + seconds * 1000);
    clearInterval(this.#ticker);
    this.#ticker = setInterval(() => this.#tick(), 500);
    queueMicrotask(() => this.#tick());
  }

  #tick() {
    const left = Math.ceil((this.#pausedUntil - Date.now()) / 1000);
    if (left <= 0) return this.resume();
    for (const job of this.jobs) {
      if (job.state === "waiting" && Number.isFinite(left)) job.message = `The server is busy. Trying again in ${left} s`;
    }
    this.#changed();
  }

  #update(job, change) {
    Object.assign(job, change);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function refuse(file, { maxBytes, types }) {
  if (file.size === 0) return "The file is empty";
  if (file.size > maxBytes) return `Too big: at most ${Math.floor(maxBytes / 1024 / 1024)} MB`;
  if (file.type && !types.includes(file.type)) return "Not a picture that can be shown here";
  return null;
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
