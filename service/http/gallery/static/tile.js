// One image in the grid: its picture when it has one, else what it waits for or what is wrong with it.

import { element, icon } from "./dom.js";
import { nameText } from "./texts.js";
import { words } from "./words.js";

export class Tile {
  #hide = null;

  constructor(known, pictures, open) {
    this.pictures = pictures;
    this.frame = element("span", { class: "frame" });
    this.caption = element("span", { class: "caption", dir: "auto" });
    const attributes = { type: "button", class: "tile", click: () => open(this.id) };
    this.button = element("button", attributes, this.frame, this.caption);
    this.item = element("li", {}, this.button);
    this.item.tile = this;
    this.id = known.image_id;
    this.visible = false;
    this.update(known);
  }

  update(known) {
    const same = known.status === this.known?.status;
    this.known = known;
    this.item.dataset.imageId = known.image_id;
    this.item.dataset.status = known.status;
    this.caption.textContent = nameText(known);
    // A picture never changes, but what it is called.
    if (!same) this.#draw();
  }

  // Called when the tile comes near the view, and when it has left it.
  show(visible) {
    if (visible === this.visible) return;
    this.visible = visible;
    this.#draw();
  }

  release() {
    this.visible = false;
    this.#hide?.();
    this.#hide = null;
  }

  #draw() {
    this.#hide?.();
    this.#hide = null;
    const { status, reason } = this.known;
    if (status === "ready") {
      this.frame.replaceChildren();
      // Its name stands below it.
      if (this.visible) this.#hide = this.pictures.show(this.frame, this.known, "thumb", "");
    } else {
      const why = status === "queued" ? "Being processed" : words(reason?.code).text;
      const state = element("span", { class: "state" }, icon(status === "queued" ? "wait" : "warning"), why);
      this.frame.replaceChildren(state);
    }
  }
}
