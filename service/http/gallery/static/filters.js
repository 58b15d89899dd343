// What is shown, kept in the address behind `#`: a reload, a bookmark and the way back show the same.

import { byId } from "./dom.js";

const STATUSES = new Set(["ready", "queued", "rejected", "failed"]);
const TYPING_MS = 350;

export class Filters {
  constructor(changed) {
    this.form = byId("filters");
    let timer = null;
    const apply = () => {
      clearTimeout(timer);
      this.#write();
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
    addEventListener("hashchange", () => {
      if (location.hash === "#images") return; // the link that skips to them
      this.#fill();
      changed(this.read());
    });
    this.#fill();
  }

  read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const status = given.get("status") ?? "";
    return { status: STATUSES.has(status) ? status : "", tag: (given.get("tag") ?? "").trim() };
  }

  showTag(tag) {
    this.form.elements.tag.value = tag;
    this.#write();
  }

  #fill() {
    const { status, tag } = this.read();
    this.form.elements.status.value = status;
    if (document.activeElement !== this.form.elements.tag) this.form.elements.tag.value = tag;
  }

  #write() {
    const { status, tag } = this.form.elements;
    const wanted = new URLSearchParams();
    if (status.value) wanted.set("status", status.value);
    if (tag.value.trim()) wanted.set("tag", tag.value.trim().replaceAll(",", ""));
    if (location.hash.slice(1) !== String(wanted)) location.hash = String(wanted);
  }
}
