// How all uploads together are getting on, in words.

const WRONG = new Set(["refused", "lost", "rejected", "failed"]);

// As in "3 of 5 uploaded, 1 needs attention".
export function tally(uploads) {
  const up = uploads.filter((upload) => upload.image && !WRONG.has(upload.state)).length;
  const wrong = uploads.filter((upload) => WRONG.has(upload.state)).length;
  const attention = wrong ? `, ${wrong} ${wrong === 1 ? "needs" : "need"} attention` : "";
  return `${up} of ${uploads.length} uploaded${attention}`;
}
