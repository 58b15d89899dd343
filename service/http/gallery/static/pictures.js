// Pictures of the service in the page. An <img> can send no credentials, so they are fetched; and let go out of view.

import { image, pause } from "./api.js";
import { element } from "./dom.js";
import { Lanes } from "./lanes.js";
import { Problem } from "./problem.js";
import { decode } from "./thumbhash.js";

const AT_ONCE = 4;
const LONGEST_PAUSE = 30;

export class Pictures {
  #lanes = new Lanes(AT_ONCE);

  constructor(api) {
    this.api = api;
  }

  // Fills `frame` with the placeholder, then the variant. Returns what empties it again.
  show(frame, known, variant, alt) {
    const stop = new AbortController();
    const blurred = placeholder(known);
    if (blurred) frame.append(blurred);
    let url = null;
    const load = async () => {
      const path = `${image(known.image_id)}/content`;
      const blob = await this.api.blob(path, { query: { variant }, signal: stop.signal });
      stop.signal.throwIfAborted();
      url = URL.createObjectURL(blob);
      const picture = element("img", { src: url, alt, draggable: "false" });
      await picture.decode();
      stop.signal.throwIfAborted();
      frame.append(picture);
      frame.dataset.loaded = "";
    };
    void this.#insist(load, frame, stop.signal);
    return () => {
      stop.abort(new DOMException("out of view", "AbortError"));
      if (url) URL.revokeObjectURL(url);
      frame.replaceChildren();
      delete frame.dataset.loaded;
      delete frame.dataset.trouble;
    };
  }

  // As long as it is in view, and it may help.
  async #insist(load, frame, signal) {
    for (let seconds = 2; ; seconds = Math.min(seconds * 2, LONGEST_PAUSE)) {
      try {
        await this.#lanes.run(load, signal);
        delete frame.dataset.trouble;
        return;
      } catch (error) {
        if (signal.aborted) return;
        frame.dataset.trouble = error instanceof Problem ? error.code : "undecodable";
        if (!error.passes) return;
        await pause(seconds, signal).catch(() => {});
      }
    }
  }

  // The original, for a download; one that is too large for the service comes from S3 by a redirect.
  async original(known) {
    return this.api.blob(`${image(known.image_id)}/content`);
  }
}

function placeholder(known) {
  const hash = known.placeholder && decode(known.placeholder);
  if (!hash) return null;
  const canvas = element("canvas", { width: hash.width, height: hash.height, class: "blurred", "aria-hidden": "true" });
  canvas.getContext("2d").putImageData(new ImageData(hash.rgba, hash.width, hash.height), 0, 0);
  return canvas;
}
