// What the large view shows of an image: its picture, title and tags, what is known of it, what can be done with it.

import { element, icon } from "./dom.js";
import { Edit } from "./edit.js";
import { copyButton, facts } from "./facts.js";
import { button, why } from "./parts.js";
import { nameText } from "./texts.js";

export class Panel {
  #known = null;
  #edit = null;
  #hide = null;

  // `actions` has `beside(id, by)` and `link(id)`, and hears what the user wants: `move(by)`, `leave()`, `remove()`,
  // `download(image)`, `tagged(tag)`; and `changed(image)` what the service has since.
  constructor(dialog, api, pictures, actions) {
    Object.assign(this, { dialog, api, pictures, actions });
  }

  // Whether something was typed that is not saved.
  get dirty() {
    return this.#edit?.dirty ?? false;
  }

  show(known) {
    this.#known = known;
    const ready = known.status === "ready";
    this.#hide?.();
    this.#hide = null;
    this.#edit = ready ? new Edit(this.api, known, (saved) => this.actions.changed(saved)) : null;
    const frame = element("div", { class: "frame" });
    this.title = element("h2", { id: "detail-title", tabindex: "-1", dir: "auto" });
    this.facts = element("div", {});
    this.tags = element("p", { class: "tags" });
    this.dialog.replaceChildren(
      element("div", { class: "stage" }, frame, this.#arrow(-1), this.#arrow(1)),
      element(
        "div",
        { class: "side" },
        element("header", {}, this.title, button("close", "Close", () => this.actions.leave(), "round")),
        ready ? null : why(known),
        this.tags,
        this.#edit?.form,
        this.facts,
        this.#buttons(ready),
      ),
      // What is said outside of a modal dialog, nobody hears.
      element("div", { class: "toasts", "aria-live": "polite" }),
    );
    if (ready) this.#hide = this.pictures.show(frame, known, "preview", nameText(known));
    else frame.append(icon(known.status === "queued" ? "wait" : "warning"));
    this.#draw();
  }

  // What the service says of the image since; what one is typing stays, unless there is another status.
  update(known) {
    if (known.status === this.#known.status) {
      this.#known = known;
      this.#draw();
      return;
    }
    const focused = this.dialog.contains(document.activeElement);
    this.show(known);
    if (focused) this.title.focus();
  }

  clear() {
    this.#hide?.();
    [this.#hide, this.#known, this.#edit] = [null, null, null];
    this.dialog.replaceChildren();
  }

  // There may be another neighbour than before.
  arrows() {
    for (const [name, by] of [["previous", -1], ["next", 1]]) {
      const arrow = this.dialog.querySelector(`.stage .${name}`);
      if (arrow) arrow.hidden = !this.actions.beside(this.#known.image_id, by);
    }
  }

  // Who goes on by the arrow's button shall find it again.
  focus(arrow) {
    (this.dialog.querySelector(`.stage .${arrow}:not([hidden])`) ?? this.title).focus();
  }

  #draw() {
    const known = this.#known;
    this.dialog.dataset.imageId = known.image_id;
    this.dialog.dataset.status = known.status;
    this.title.textContent = nameText(known);
    this.tags.replaceChildren(...known.tags.map((tag) => this.#tag(tag)));
    this.facts.replaceChildren(facts(known));
  }

  #tag(tag) {
    const [label, click] = [`Show images with the tag ${tag}`, () => this.actions.tagged(tag)];
    return element("button", { type: "button", class: "tag", dir: "auto", "aria-label": label, click }, tag);
  }

  #buttons(ready) {
    const known = this.#known;
    return element(
      "div",
      { class: "actions" },
      ready ? button("download", "Download", () => this.actions.download(known)) : null,
      copyButton("Copy link", this.actions.link(known.image_id), ""),
      button("trash", "Delete", () => this.actions.remove(), "danger"),
    );
  }

  #arrow(by) {
    const [name, label] = by < 0 ? ["previous", "Previous image"] : ["next", "Next image"];
    const made = button(name, label, () => this.actions.move(by), "round");
    made.classList.add(name);
    made.hidden = !this.actions.beside(this.#known.image_id, by);
    return made;
  }
}
