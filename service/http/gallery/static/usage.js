// How many images there are, and what they may take up.

import { byId } from "./dom.js";
import { Problem } from "./problem.js";
import { usageText } from "./texts.js";

const SOON_MS = 1000;

export class Usage {
  #timer = null;
  #told = null;
  // What one has deleted, but is in the figures; true: the service knows.
  #left = new Map();

  constructor(api) {
    this.api = api;
  }

  // Many changes at once are one question.
  soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.show();
    }, SOON_MS);
  }

  // The image is about to be deleted; the total is of what one sees.
  left(known) {
    this.#left.set(known.image_id, { known, deleted: false });
    this.#draw();
  }

  // It is not deleted after all.
  back({ image_id: id }) {
    if (this.#left.delete(id)) this.#draw();
  }

  deleted({ image_id: id }) {
    if (this.#left.has(id)) this.#left.get(id).deleted = true;
    this.soon();
  }

  async show() {
    const counted = [...this.#left].filter(([, { deleted }]) => deleted);
    try {
      this.#told = await this.api.json("v1/usage");
      for (const [id] of counted) this.#left.delete(id);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#told = null; // nothing that one could not do without
    }
    this.#draw();
  }

  #draw() {
    if (this.#told === null) return void (byId("usage").textContent = "");
    let { images, bytes, quota } = this.#told;
    for (const { known } of this.#left.values()) {
      if (!counts(known, quota)) continue;
      images -= 1;
      bytes -= known.size;
    }
    byId("usage").textContent = usageText({ images: Math.max(images, 0), bytes: Math.max(bytes, 0), quota });
  }
}

// As the service counts: what it keeps bytes of, and with a quota what has its place in it already.
function counts({ status }, quota) {
  return status === "ready" || status === "failed" || (status === "queued" && (quota.images ?? quota.bytes) !== null);
}
