// One upload on its way: fetch cannot tell how many bytes have gone out, so XMLHttpRequest does it.

import { nameOf, typeOf } from "./files.js";
import { Problem, offline, problemOf } from "./problem.js";

// The image that the service has accepted: its receipt, or its record. `upload` has `file` and `key` (Idempotency-Key).
//
// `from`: from how many bytes on a file has to go straight to S3, or null.
export async function send(api, upload, from, progress, signal) {
  const { file, key } = upload;
  const headers = { ...api.identity.headers(), "Idempotency-Key": key };
  if (from !== null && file.size >= from) return direct(api, file, key, progress, signal);
  const url = api.url("v1/images", { filename: nameOf(file) });
  const answer = await post(url, { ...headers, "Content-Type": typeOf(file) }, file, progress, signal);
  if (!good(answer)) throw await refusedBy(answer, file);
  try {
    return JSON.parse(answer.text);
  } catch {
    throw offline(); // somebody between answers in its place
  }
}

async function direct(api, file, key, progress, signal) {
  const form = await api.json("v1/uploads", {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json" },
    body: JSON.stringify({ content_type: typeOf(file), size: file.size, filename: nameOf(file) }),
    signal,
  });
  if (!form.fields) return form; // the key's image is there already
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  data.append(form.file_field, file);
  const stored = await post(form.url, {}, data, progress, signal);
  if (stored.status === 0) throw await refusedBy(stored, file);
  if (!good(stored)) throw new Problem(stored.status, "not_taken");
  return { image_id: form.image_id, status: "queued", arriving: true };
}

const good = (answer) => answer.status >= 200 && answer.status < 300;

// Status 0 when there was no answer.
function post(url, headers, body, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const end = () => {
      signal.removeEventListener("abort", stop);
      resolve({
        status: request.status,
        text: request.status ? request.responseText : "",
        header: (name) => request.getResponseHeader(name),
      });
    };
    const stop = () => {
      request.abort();
      reject(signal.reason);
    };
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.total && progress(event.loaded / event.total));
    for (const name of ["load", "error", "timeout"]) request.addEventListener(name, end);
    if (signal.aborted) return void stop();
    signal.addEventListener("abort", stop, { once: true });
    request.send(body);
  });
}

async function refusedBy(answer, file) {
  if (answer.status) return problemOf(answer.status, answer.header, answer.text);
  // A file that has gone meanwhile looks like a connection that has.
  return (await readable(file)) ? offline() : new Problem(400, "unreadable");
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
