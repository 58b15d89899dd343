// How many images there are, and what they may take up.

import { byId } from "./dom.js";
import { Problem } from "./problem.js";
import { usageText } from "./texts.js";

const SOON_MS = 1000;

export class Usage {
  #timer = null;

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

  async show() {
    try {
      byId("usage").textContent = usageText(await this.api.json("v1/usage"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      byId("usage").textContent = ""; // nothing that one could not do without
    }
  }
}
