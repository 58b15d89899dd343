// The form above the grid: which status, which tag.

import { byId } from "./dom.js";

const TYPING_MS = 350;

export class Filters {
  // `changed({status, tag})` when the user has chosen.
  constructor(changed) {
    this.form = byId("filters");
    let timer = null;
    const apply = () => {
      clearTimeout(timer);
      const { status, tag } = this.form.elements;
      changed({ status: status.value, tag: tag.value.replaceAll(",", "").trim() });
    };
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      apply();
    });
    this.form.addEventListener("change", apply);
    this.form.elements.tag.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(apply, TYPING_MS);
    });
  }

  show({ status, tag }) {
    this.form.elements.status.value = status;
    // Not while one types: the text may have a space at its end that belongs to the next word.
    if (this.form.elements.tag.value.trim() !== tag) this.form.elements.tag.value = tag;
  }
}
