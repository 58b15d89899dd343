// The service's API, as this page asks it.

import { either } from "./either.js";
import { Problem, offline, problemOf, stalled } from "./problem.js";
import { SILENCE_SECONDS, watchdog } from "./silence.js";

// The page's files are at <base>/gallery/<version>/, whatever stands before the service.
export const BASE = new URL("../../", import.meta.url);

const LONGEST_PAUSE = 60;

export class Api {
  // `signIn(problem, used)` resolves when there is a credential other than `used`.
  constructor(identity, signIn) {
    this.identity = identity;
    this.signIn = signIn;
  }

  url(path, query = {}) {
    const url = new URL(path, BASE);
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
    }
    return url;
  }

  // The answer, if it is a good one; signs in as often as it takes, and waits once or twice for a service that is busy.
  async ask(path, { query, headers = {}, patience = 2, ...more } = {}) {
    for (let attempt = 0; ; attempt += 1) {
      const used = this.identity.known;
      try {
        const all = { ...this.identity.headers(), ...headers };
        return await this.#once(this.url(path, query), { ...more, headers: all });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.status === 401) {
          await this.signIn(error, used);
          attempt -= 1;
        } else if (attempt >= patience || !error.passes || error.status === 0) throw error;
        else await pause(Math.min(error.retryAfter ?? 2 ** attempt, LONGEST_PAUSE), more.signal);
      }
    }
  }

  async json(path, options) {
    const text = await (await this.blob(path, options)).text();
    try {
      return JSON.parse(text);
    } catch {
      throw offline(); // somebody between answers in its place (a hotel's page)
    }
  }

  async blob(path, options) {
    return whole(await this.ask(path, options));
  }

  async #once(url, options) {
    const silent = new AbortController();
    const heard = watchdog(SILENCE_SECONDS, () => silent.abort());
    const signal = options.signal ? either(silent.signal, options.signal) : silent.signal;
    let answer;
    try {
      answer = await fetch(url, { credentials: "same-origin", ...options, signal });
    } catch (error) {
      throw ofConnection(error, silent.signal.aborted);
    } finally {
      heard.stop();
    }
    if (answer.ok) return answer;
    const text = await whole(answer).then((body) => body.text(), () => "");
    throw problemOf(answer.status, (name) => answer.headers.get(name), text);
  }
}

// An answer can stand still or break off in its middle.
async function whole(answer) {
  const parts = [];
  const reader = answer.body?.getReader();
  let silent = false;
  const heard = watchdog(SILENCE_SECONDS, () => {
    silent = true;
    reader?.cancel().catch(() => {});
  });
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
      heard();
      parts.push(part.value);
    }
  } catch (error) {
    throw ofConnection(error, silent);
  } finally {
    heard.stop();
  }
  if (silent) throw stalled();
  return new Blob(parts, { type: answer.headers.get("Content-Type") ?? "" });
}

function ofConnection(error, silent) {
  if (silent) return stalled();
  return error.name === "AbortError" ? error : offline();
}

export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

export const image = (id) => `v1/images/${encodeURIComponent(id)}`;
