// Follows queued images until they are ready, rejected or failed: two by events as they happen, the others by asking.

import { image, pause } from "./api.js";
import { either } from "./either.js";
import { Problem } from "./problem.js";
import { SILENCE_SECONDS, watchdog } from "./silence.js";
import { events } from "./stream.js";

// Of the six connections that a browser opens to a host by HTTP/1.1, uploads and pictures need the rest; and so do
// other tabs, which share them: only one that is seen has streams.
const STREAMS = 2;
const LONGEST_SECONDS = 15;
// So many questions a second at most, however many images wait.
const RATE = 4;
// How long a direct upload may be unknown: S3 has to tell the queue first.
const ARRIVAL_SECONDS = 120;

export class Follower {
  #followed = new Map();
  #streams = 0;
  #streamed = true;
  #unseen = new AbortController();

  // `changed(image)` with each word of the service; `gone(id)` when there is no such image any more.
  constructor(api, { changed, gone }) {
    Object.assign(this, { api, changed, gone });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) return;
      this.#unseen.abort();
      this.#unseen = new AbortController();
    });
  }

  follow(id, arriving = false) {
    if (this.#followed.has(id)) return;
    const stop = new AbortController();
    this.#followed.set(id, stop);
    void this.#watch(id, arriving ? performance.now() + ARRIVAL_SECONDS * 1000 : 0, stop.signal);
  }

  leave(id) {
    this.#followed.get(id)?.abort(new DOMException("left", "AbortError"));
    this.#followed.delete(id);
  }

  async #watch(id, expectedUntil, signal) {
    const last = { id: null };
    let seconds = 0.5;
    while (!signal.aborted) {
      try {
        const known = (await this.#stream(id, last, signal)) ?? (await this.api.json(image(id), { signal }));
        expectedUntil = 0;
        if (known.status !== "queued") this.leave(id);
        if (known.status === "deleted") this.gone(id);
        else this.changed(known);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        if (error.code === "image_not_found" && performance.now() >= expectedUntil) {
          this.leave(id);
          this.gone(id);
        }
      }
      if (signal.aborted) return;
      await pause(Math.max(seconds, this.#followed.size / RATE), signal).catch(() => {});
      seconds = Math.min(seconds * 1.6, LONGEST_SECONDS);
    }
  }

  // The newest word of a stream that has ended; null when there was none to be had.
  async #stream(id, last, signal) {
    if (!this.#streamed || this.#streams >= STREAMS || document.hidden) return null;
    this.#streams += 1;
    const quiet = new AbortController();
    let [silence, spoke, newest] = [null, false, null];
    try {
      const answer = await this.api.ask(`${image(id)}/events`, {
        headers: { Accept: "text/event-stream", ...(last.id && { "Last-Event-ID": last.id }) },
        signal: either(signal, quiet.signal, this.#unseen.signal),
      });
      if (answer.status === 204) return null;
      if (!answer.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Problem(404, "not_found");
      silence = watchdog(SILENCE_SECONDS, () => quiet.abort());
      const heard = () => {
        spoke = true;
        silence();
      };
      for await (const { event, data, id: number } of events(answer.body, heard)) {
        if (event !== "status") continue;
        last.id = number;
        newest = JSON.parse(data);
        if (newest.status !== "queued") break;
        this.changed(newest);
      }
    } catch (error) {
      // Without such a route, or with a gateway that holds everything back, asking has to do.
      // One that has said something before is but dead: the line was lost, or the computer has slept.
      if (error.code === "stalled" || error.code === "not_found") this.#streamed = false;
      else if (quiet.signal.aborted) this.#streamed = spoke;
      else if (signal.aborted || (error instanceof Problem && error.code === "image_not_found")) throw error;
    } finally {
      silence?.stop();
      this.#streams -= 1;
    }
    return newest;
  }
}
