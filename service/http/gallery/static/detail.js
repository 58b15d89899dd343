// One image, large: its picture, what is known of it, title and tags to edit, and what can be done with it.

import { byId, element, icon } from "./dom.js";
import { Edit } from "./edit.js";
import { copyButton, facts } from "./facts.js";
import { button, why } from "./parts.js";
import { nameText } from "./texts.js";

export class Detail {
  #known = null;
  #edit = null;
  #hide = null;

  // `actions` has `beside(id, by)` and `link(id)`, and hears of what is done: `moved`, `closed`, `remove`, `download`
  // and `changed` get an image, `tagged` a tag.
  constructor(api, pictures, actions) {
    Object.assign(this, { api, pictures, actions });
    this.dialog = byId("detail");
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("cancel", (event) => this.#mayLeave() || event.preventDefault());
    this.dialog.addEventListener("close", () => this.#closed());
    addEventListener("beforeunload", (event) => this.#edit?.dirty && event.preventDefault());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.leave());
  }

  get shown() {
    return this.#known?.image_id ?? null;
  }

  show(known) {
    if (this.#known && !this.#mayLeave()) return false;
    // Who goes on by the arrow's button shall find it again.
    const arrow = ["previous", "next"].find((name) => document.activeElement?.matches(`#detail .${name}`));
    this.#known = known;
    this.#draw();
    if (!this.dialog.open) this.dialog.showModal();
    (this.dialog.querySelector(`.stage .${arrow}:not([hidden])`) ?? this.title).focus();
    return true;
  }

  // What the service says of an image since; what one is typing stays.
  update(known) {
    if (known.image_id !== this.shown) return;
    const changed = known.status !== this.#known.status;
    this.#known = known;
    if (!changed) return this.#drawFacts();
    const focused = this.dialog.contains(document.activeElement);
    this.#draw();
    if (focused) this.title.focus();
  }

  // There may be another neighbour than before.
  arrows() {
    for (const [name, by] of [["previous", -1], ["next", 1]]) {
      const arrow = this.dialog.querySelector(`.stage .${name}`);
      if (arrow) arrow.hidden = !this.actions.beside(this.shown, by);
    }
  }

  leave() {
    if (this.#mayLeave()) this.#close();
  }

  #close() {
    this.dialog.close();
    this.#closed(); // the event comes later, when the focus has gone elsewhere
  }

  #mayLeave() {
    return !this.#edit?.dirty || confirm("Leave without saving title and tags?");
  }

  #closed() {
    const known = this.#known;
    if (known === null) return;
    this.#hide?.();
    [this.#hide, this.#known, this.#edit] = [null, null, null];
    this.dialog.replaceChildren();
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

  #draw() {
    const known = this.#known;
    const ready = known.status === "ready";
    this.#hide?.();
    this.#edit = ready ? new Edit(this.api, known, (saved) => this.actions.changed(saved)) : null;
    const frame = element("div", { class: "frame" });
    this.#hide = null;
    this.title = element("h2", { id: "detail-title", tabindex: "-1" });
    this.facts = element("div", {});
    this.tags = element("p", { class: "tags" });
    this.dialog.replaceChildren(
      element("div", { class: "stage" }, frame, this.#arrow(-1), this.#arrow(1)),
      element(
        "div",
        { class: "side" },
        element("header", {}, this.title, button("close", "Close", () => this.leave(), "round")),
        ready ? null : why(known),
        this.tags,
        this.#edit?.form,
        this.facts,
        this.#actions(ready),
      ),
      // What is said outside of a modal dialog, nobody hears.
      element("div", { class: "toasts", "aria-live": "polite" }),
    );
    if (ready) this.#hide = this.pictures.show(frame, known, "preview", nameText(known));
    else frame.append(icon(known.status === "queued" ? "wait" : "warning"));
    this.#drawFacts();
  }

  #drawFacts() {
    const known = this.#known;
    this.dialog.dataset.imageId = known.image_id;
    this.dialog.dataset.status = known.status;
    this.title.textContent = nameText(known);
    this.tags.replaceChildren(...known.tags.map((tag) => this.#tag(tag)));
    this.facts.replaceChildren(facts(known));
  }

  #tag(tag) {
    const [label, click] = [`Show images with the tag ${tag}`, () => this.#tagged(tag)];
    return element("button", { type: "button", class: "tag", "aria-label": label, click }, tag);
  }

  #tagged(tag) {
    if (!this.#mayLeave()) return;
    this.#close();
    this.actions.tagged(tag);
  }

  #actions(ready) {
    const known = this.#known;
    return element(
      "div",
      { class: "actions" },
      ready ? button("download", "Download", () => this.actions.download(known)) : null,
      copyButton("Copy link", this.actions.link(known.image_id), ""),
      button("trash", "Delete", () => this.#remove(), "danger"),
    );
  }

  #arrow(by) {
    const [name, label] = by < 0 ? ["previous", "Previous image"] : ["next", "Next image"];
    const made = button(name, label, () => this.#move(by), "round");
    made.classList.add(name);
    made.hidden = !this.actions.beside(this.shown, by);
    return made;
  }
}
