// One upload on its way: fetch cannot tell how many bytes have gone out, so XMLHttpRequest does it.

import { nameOf, typeOf } from "./files.js";
import { Problem, offline, problemOf, stalled } from "./problem.js";
import { SILENCE_SECONDS, watchdog } from "./silence.js";

// What has gone out for the browser may still be on its way from here: all of a file, at so many bytes a second.
const SLOWEST = 20_000;

// The image that the service has accepted: its receipt, or its record. `upload` has `file` and `key` (Idempotency-Key).
//
// `from`: from how many bytes on a file has to go straight to S3, or null.
export async function send(api, upload, from, progress, signal) {
  const { file, key } = upload;
  const headers = { ...api.identity.headers(), "Idempotency-Key": key };
  if (from !== null && file.size >= from) return direct(api, file, key, progress, signal);
  const url = api.url("v1/images", { filename: nameOf(file) });
  const answer = await post(url, { ...headers, "Content-Type": typeOf(file) }, file, file.size, progress, signal);
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
  const stored = await post(form.url, {}, data, file.size, progress, signal);
  if (stored.status === 0) throw await refusedBy(stored, file);
  if (!good(stored)) throw new Problem(stored.status, "not_taken");
  return { image_id: form.image_id, status: "queued", arriving: true };
}

const good = (answer) => answer.status >= 200 && answer.status < 300;

// Status 0 when there was no answer; `silent` when the connection stood still for too long.
function post(url, headers, body, size, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let silent = false;
    const heard = watchdog(SILENCE_SECONDS + size / SLOWEST, () => {
      silent = true;
      request.abort();
      end();
    });
    const end = () => {
      heard.stop();
      signal.removeEventListener("abort", stop);
      resolve({
        silent,
        status: request.status,
        text: request.status ? request.responseText : "",
        header: (name) => request.getResponseHeader(name),
      });
    };
    const stop = () => {
      heard.stop();
      request.abort();
      reject(signal.reason);
    };
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      heard();
      if (event.total) progress(event.loaded / event.total);
    });
    request.addEventListener("progress", heard);
    for (const name of ["load", "error", "timeout"]) request.addEventListener(name, end);
    if (signal.aborted) return void stop();
    signal.addEventListener("abort", stop, { once: true });
    request.send(body);
  });
}

async function refusedBy(answer, file) {
  if (answer.silent) return stalled();
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
