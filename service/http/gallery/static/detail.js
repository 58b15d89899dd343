// One image, large: how it opens and closes, what the keys do, and that nothing that was typed goes unasked.

import { byId } from "./dom.js";
import { Panel } from "./panel.js";

export class Detail {
  #known = null;

  // `actions` has `beside(id, by)` and `link(id)`, and hears of what is done: `moved`, `closed`, `remove`, `download`
  // and `changed` get an image, `tagged` a tag.
  constructor(api, pictures, actions) {
    this.actions = actions;
    this.dialog = byId("detail");
    this.panel = new Panel(this.dialog, api, pictures, {
      ...actions,
      move: (by) => this.#move(by),
      leave: () => this.leave(),
      remove: () => this.#remove(),
      tagged: (tag) => this.#tagged(tag),
    });
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("cancel", (event) => this.#mayLeave() || event.preventDefault());
    this.dialog.addEventListener("close", () => this.#closed());
    addEventListener("beforeunload", (event) => this.panel.dirty && event.preventDefault());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.leave());
  }

  get shown() {
    return this.#known?.image_id ?? null;
  }

  // False when the user stays with what they were typing.
  show(known) {
    if (this.#known && !this.#mayLeave()) return false;
    const arrow = ["previous", "next"].find((name) => document.activeElement?.matches(`#detail .${name}`));
    this.#known = known;
    this.panel.show(known);
    if (!this.dialog.open) this.dialog.showModal();
    this.panel.focus(arrow);
    return true;
  }

  // What the service says of an image since.
  update(known) {
    if (known.image_id !== this.shown) return;
    this.#known = known;
    this.panel.update(known);
  }

  arrows() {
    if (this.#known) this.panel.arrows();
  }

  leave() {
    if (this.#mayLeave()) this.#close();
  }

  #close() {
    this.dialog.close();
    this.#closed(); // the event comes later, when the focus has gone elsewhere
  }

  #mayLeave() {
    return !this.panel.dirty || confirm("Leave without saving title and tags?");
  }

  #closed() {
    const known = this.#known;
    if (known === null) return;
    this.#known = null;
    this.panel.clear();
    this.actions.closed(known);
  }

  #key(event) {
    if (event.key === "Escape" && !event.isComposing) {
      // Chromium lets a second Escape close a dialog whatever the answer to `cancel`.
      event.preventDefault();
      this.leave();
      return;
    }
    if (event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") this.#move(-1);
    else if (event.key === "ArrowRight") this.#move(1);
    else if (event.key === "Delete") this.#remove();
    else return;
    event.preventDefault();
  }

  #move(by) {
    const next = this.actions.beside(this.shown, by);
    if (next && this.show(next)) this.actions.moved(next);
  }

  #remove() {
    const known = this.#known;
    this.#close(); // what was typed goes with the image
    this.actions.remove(known);
  }

  #tagged(tag) {
    if (!this.#mayLeave()) return;
    this.#close();
    this.actions.tagged(tag);
  }
}
