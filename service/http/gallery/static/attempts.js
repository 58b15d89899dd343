// One upload, tried again as long as that may help. Each time under the same key: it cannot be made twice.

import { pause } from "./api.js";
import { announce } from "./dom.js";
import { either } from "./either.js";
import { Problem } from "./problem.js";
import { watchdog } from "./silence.js";
import { words } from "./words.js";

const ATTEMPTS = 6;
const LONGEST_PAUSE = 60;
// So long nothing may move before the user is told, and can begin anew: slow phones send in lumps.
const STILL_SECONDS = 15;

// Whether `upload.restart` may help: it ends the attempt or the pause that is under way for another attempt.
export function restartable({ state, still, problem }) {
  return (state === "sending" && still) || (state === "pausing" && problem.status !== 401);
}

// What `send(progress, signal)` returns in the end. `set(changes)` tells how the upload is getting on; `signIn(problem,
// used)` resolves when there is a credential other than `used`.
export async function insist(upload, send, { api, set, signIn }, signal) {
  for (let attempt = 1; ; attempt += 1) {
    const used = api.identity.known;
    upload.restart = new AbortController();
    const end = either(signal, upload.restart.signal);
    const moved = watchdog(STILL_SECONDS, () => {
      set({ still: true });
      announce(`${upload.file.name}: ${words("stalled").text}`);
    });
    set({ state: "sending", part: 0, still: false, problem: null });
    try {
      const progress = (part) => {
        moved();
        set({ part, still: false });
      };
      return await send(progress, end).finally(moved.stop);
    } catch (problem) {
      if (signal.aborted) throw problem;
      if (upload.restart.signal.aborted) {
        attempt = 0;
        continue;
      }
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) {
        set({ state: "pausing", problem });
        await signIn(problem, used);
        attempt -= 1;
      } else if (!problem.passes || attempt === ATTEMPTS || !navigator.onLine) {
        throw problem;
      } else {
        set({ state: "pausing", problem });
        const seconds = Math.min(problem.retryAfter ?? 2 ** (attempt - 1), LONGEST_PAUSE);
        await pause(seconds, end).catch(() => signal.throwIfAborted());
      }
    }
  }
}
