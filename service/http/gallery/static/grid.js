// The images, newest first. Pages come as one scrolls; what is new or has changed finds its place by its id (UUIDv7).

import { byId } from "./dom.js";
import { Tile } from "./tile.js";
import { step } from "./keys.js";

// How far outside of the view pictures are loaded, and kept.
const NEAR = "600px 0px";

export class Grid {
  #tiles = new Map();

  constructor(pictures, { open, remove }) {
    Object.assign(this, { pictures, open });
    this.list = byId("grid");
    this.#observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) entry.target.tile.show(entry.isIntersecting);
      },
      { rootMargin: NEAR },
    );
    this.list.addEventListener("keydown", (event) => {
      const tile = event.target.closest("li")?.tile;
      if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
      const next = step(event.key, tile.item);
      if (next) {
        event.preventDefault();
        next.tile.button.focus();
      } else if (event.key === "Delete") remove(tile.known);
    });
  }

  #observer;

  get size() {
    return this.#tiles.size;
  }

  get(id) {
    return this.#tiles.get(id)?.known;
  }

  // Newest first.
  *known() {
    for (const item of this.list.children) yield item.tile.known;
  }

  put(known) {
    const tile = this.#tiles.get(known.image_id);
    if (tile) {
      tile.update(known);
      return;
    }
    const made = new Tile(known, this.pictures, this.open);
    this.#tiles.set(known.image_id, made);
    this.list.insertBefore(made.item, this.#behind(known.image_id));
    this.#observer.observe(made.item);
  }

  remove(id) {
    const tile = this.#tiles.get(id);
    if (!tile) return;
    const neighbour = tile.item.nextElementSibling ?? tile.item.previousElementSibling;
    const focused = tile.item.contains(document.activeElement);
    this.#observer.unobserve(tile.item);
    tile.release();
    tile.item.remove();
    this.#tiles.delete(id);
    if (focused) (neighbour?.tile.button ?? byId("pick")).focus();
  }

  clear() {
    this.#observer.disconnect();
    for (const tile of this.#tiles.values()) tile.release();
    this.#tiles.clear();
    this.list.replaceChildren();
  }

  focus(id) {
    const tile = this.#tiles.get(id);
    (tile?.button ?? byId("images")).focus();
  }

  // The image after or before this one, as one sees them.
  beside(id, by) {
    const item = this.#tiles.get(id)?.item;
    return (by > 0 ? item?.nextElementSibling : item?.previousElementSibling)?.tile.known;
  }

  // The first tile that is older. Most are appended; what is new goes near the beginning.
  #behind(id) {
    if (!this.list.lastElementChild || this.list.lastElementChild.tile.id > id) return null;
    const { children } = this.list;
    let [low, high] = [0, children.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].tile.id > id) low = middle + 1;
      else high = middle;
    }
    return children[low];
  }
}
