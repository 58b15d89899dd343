// The original as a file, under the name that it came with.

import { element } from "./dom.js";
import { Problem } from "./problem.js";
import { toast } from "./toasts.js";
import { sentence } from "./words.js";

const KEPT_MS = 60_000;

const endingOf = (known) => known.content_type.replace("image/", "").replace("jpeg", "jpg");

export async function download(pictures, known) {
  try {
    const url = URL.createObjectURL(await pictures.original(known));
    element("a", { href: url, download: known.filename || `${known.image_id}.${endingOf(known)}` }).click();
    // The browser reads it in its own time.
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast(`The download failed. ${sentence(error.code)}`);
  }
}
