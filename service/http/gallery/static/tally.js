// How all uploads together are getting on, in words.

import { words } from "./words.js";

const WRONG = new Set(["refused", "lost", "rejected", "failed"]);

// The same for who does not see the list: with what is ready, and the last one's name and trouble.
export function spoken(uploads, last) {
  const ready = uploads.filter((upload) => upload.state === "ready").length;
  const code = last && WRONG.has(last.state) ? last.problem?.code ?? last.image?.reason?.code : null;
  const trouble = code ? `${last.file.name}: ${words(code).text} ` : "";
  return `${trouble}${tally(uploads)}${ready ? `, ${ready} ready` : ""}`;
}

// As in "3 of 5 uploaded, 1 needs attention".
export function tally(uploads) {
  const up = uploads.filter((upload) => upload.image && !WRONG.has(upload.state)).length;
  const wrong = uploads.filter((upload) => WRONG.has(upload.state)).length;
  const attention = wrong ? `, ${wrong} ${wrong === 1 ? "needs" : "need"} attention` : "";
  return `${up} of ${uploads.length} uploaded${attention}`;
}
