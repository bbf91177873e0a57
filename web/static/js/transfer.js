// One file over the wire. XMLHttpRequest, because fetch cannot say how much of a body has been sent.

const URL = "/api/v1/images/upload";

/** Upload `job.file`; resolves, never rejects, with the change of the job that follows from the answer. */
export function sendFile(job, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", URL);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Idempotency-Key", job.key);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(Math.floor((100 * event.loaded) / event.total));
    request.upload.onload = () => onProgress(100);
    request.onload = () => resolve(outcome(request));
    request.onerror = () => resolve(unreachable());
    request.onabort = () => resolve({ state: "failed", message: "Stopped" });
    job.abort = () => request.abort();
    request.send(body(job));
  });
}

function body(job) {
  const form = new FormData();
  form.append("visibility", job.visibility);
  form.append("file", job.file, job.file.name || "pasted.png");
  return form;
}

function outcome(request) {
  const answer = parse(request.responseText);
  if (request.status === 201) return { state: "done", answer, message: "Done" };
  if (request.status === 200) return { state: "duplicate", answer, message: "You have this one already" };
  if (request.status === 429 || request.status === 503) return later(request);
  if (request.status === 401) return { state: "failed", message: "Log in, then try again" };
  if (request.status < 500 || request.status === 507) return { state: "refused", message: reason(answer) };
  return { state: "failed", message: "Something went wrong on our side" };
}

function later(request) {
  const seconds = Number.parseInt(request.getResponseHeader("Retry-After"), 10);
  return { state: "waiting", percent: 0, seconds: Number.isNaN(seconds) ? 5 : Math.max(1, seconds), message: "The server is busy" };
}

function unreachable() {
  if (navigator.onLine) return { state: "failed", message: "The connection broke" };
  return { state: "waiting", percent: 0, seconds: null, message: "You are offline. It goes on by itself" };
}

function reason(answer) {
  return answer?.errors?.[0]?.message ?? answer?.detail ?? "The server did not take this file";
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page
  }
}
