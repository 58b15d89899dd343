// A small picture of a file on this machine, before the service has one.

import { element } from "./dom.js";
import { MAX_BYTES, typeOf } from "./files.js";
import { Lanes } from "./lanes.js";

const SIDE = 96;
// Each takes as much memory as the whole picture while it is decoded.
const lanes = new Lanes(1);

export function sketch(file) {
  const canvas = element("canvas", { width: SIDE, height: SIDE, class: "sketch", "aria-hidden": "true" });
  if (typeOf(file) !== null && file.size > 0 && file.size <= MAX_BYTES) void lanes.run(() => draw(file, canvas));
  return canvas;
}

async function draw(file, canvas) {
  try {
    const bitmap = await createImageBitmap(file);
    const side = Math.min(bitmap.width, bitmap.height);
    const left = (bitmap.width - side) / 2;
    const top = (bitmap.height - side) / 2;
    canvas.getContext("2d").drawImage(bitmap, left, top, side, side, 0, 0, SIDE, SIDE);
    bitmap.close();
  } catch {
    // No picture after all, or of a kind that this browser cannot show: the service will tell.
  }
}
