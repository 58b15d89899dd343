// Shows what the address says: filters, list, and the image that is open.

import { go, read } from "./address.js";
import { image } from "./api.js";
import { Problem } from "./problem.js";
import { toast } from "./toasts.js";
import { sentence } from "./words.js";

export class Navigation {
  #shown = null;

  // `parts` has `api`, `filters`, `listing`, `grid` and `detail`.
  constructor(parts) {
    Object.assign(this, parts);
  }

  filter(wanted) {
    go(wanted);
    void this.move();
  }

  async move() {
    const { status, tag } = read();
    this.filters.show({ status, tag });
    if (this.#shown?.status !== status || this.#shown?.tag !== tag) {
      this.#shown = { status, tag };
      await this.listing.show(this.#shown);
    }
    const { detail } = this;
    const { image: id } = read(); // while the list came, one may have opened another
    if (id && detail.shown !== id) await this.open(id);
    else if (!id && detail.shown) detail.leave();
    // Who stays for what they were typing has not gone anywhere.
    if (detail.shown) go({ image: detail.shown });
  }

  async open(id) {
    try {
      const known = this.grid.get(id) ?? (await this.api.json(image(id)));
      if (this.detail.show(known)) go({ image: id });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      go({ image: "" }, true);
      toast(sentence(error.code));
    }
  }
}
