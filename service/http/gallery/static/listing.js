// Fills the grid with what the filters say, page by page as one scrolls.

import { announce, byId, element } from "./dom.js";
import { Problem } from "./problem.js";
import { sentence } from "./words.js";

const PAGE = 60;
// Of what is looked through, a filter leaves some.
const FILTERED_PAGE = 200;
const MOST_QUEUED = 200;

export class Listing {
  #stop = new AbortController();
  #cursor = null;
  #busy = false;
  #more = false; // until something is to be shown

  // `found(images, page)` gets each page; `hidden(id)` tells what is about to be deleted.
  constructor(api, grid, { found, hidden }) {
    Object.assign(this, { api, grid, found, hidden });
    this.filters = { status: "", tag: "" };
    byId("more").addEventListener("click", () => this.next());
    addEventListener("online", () => byId("trouble").hidden || void this.next());
    // Below the last tile: as soon as that comes near, there shall be more.
    new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && this.#near(), {
      rootMargin: "1200px 0px",
    }).observe(byId("end"));
  }

  async show(filters) {
    this.#stop.abort();
    this.#stop = new AbortController();
    Object.assign(this, { filters });
    [this.#cursor, this.#more, this.#busy] = [null, true, false];
    this.grid.clear();
    await this.next();
  }

  // Whether an image belongs to what is shown.
  matches(known) {
    const { status, tag } = this.filters;
    return (!status || known.status === status) && (!tag || known.tags?.includes(tag)) && !this.hidden(known.image_id);
  }

  // Take in what is new or has changed, or put away what does not belong here any more.
  take(known) {
    if (this.matches(known)) this.grid.put(known);
    else this.grid.remove(known.image_id);
    this.#draw();
  }

  async next() {
    if (this.#busy || !this.#more) return;
    const { signal } = this.#stop;
    this.#busy = true;
    this.#draw();
    try {
      const pages = await Promise.all([this.#page(signal), this.#queued(signal)]);
      if (signal.aborted) return;
      this.#busy = false;
      this.#cursor = pages[0].next_cursor;
      this.#more = this.#cursor !== null;
      for (const page of pages) this.found(page);
      this.#draw();
      announce(`${this.grid.size} images shown${this.#more ? "; there are more" : ""}`);
      // A filtered page may be short, or empty, while there are more.
      if (this.#more && this.#endIsNear()) await this.next();
    } catch (error) {
      if (signal.aborted) return;
      this.#busy = false;
      if (!(error instanceof Problem)) throw error;
      if (error.code === "invalid_cursor") this.#cursor = null;
      this.#draw(sentence(error.code));
    }
  }

  #page(signal) {
    const { status, tag } = this.filters;
    const limit = status || tag ? FILTERED_PAGE : PAGE;
    return this.api.json("v1/images", { query: { limit, status, tag, cursor: this.#cursor }, signal });
  }

  // What is queued has no record yet, and so is in a list of its own.
  async #queued(signal) {
    if (this.filters.status || this.#cursor) return { images: [] };
    const query = { limit: MOST_QUEUED, status: "queued", tag: this.filters.tag };
    return this.api.json("v1/images", { query, signal });
  }

  #near() {
    if (byId("trouble").hidden) void this.next();
  }

  #endIsNear() {
    return byId("end").getBoundingClientRect().top < innerHeight + 1200;
  }

  #draw(trouble = "") {
    byId("trouble").hidden = !trouble;
    byId("trouble").textContent = trouble;
    const more = byId("more");
    more.hidden = !this.#more || (this.#busy && this.grid.size === 0);
    more.textContent = trouble ? "Try again" : this.#busy ? "Loading…" : "Load more";
    // Not `disabled`, which would take the focus away.
    more.setAttribute("aria-disabled", String(this.#busy));
    this.grid.list.setAttribute("aria-busy", String(this.#busy));
    this.grid.list.dataset.skeleton = this.#busy && this.grid.size === 0 ? "yes" : "no";
    this.#drawEmpty(!trouble && !this.#busy && !this.#more && this.grid.size === 0);
  }

  #drawEmpty(empty) {
    const { status, tag } = this.filters;
    const filtered = status || tag;
    byId("empty").hidden = !empty;
    if (!empty) return;
    const of = `${status ? ` that are ${status}` : ""}${tag ? ` with the tag “${tag}”` : ""}`;
    const headline = filtered ? `No images${of}` : "Nothing here yet";
    const advice = filtered ? "Others may be under “All”." : "Your pictures show up here as soon as you add some.";
    byId("empty").replaceChildren(
      element("p", { class: "headline" }, headline),
      element("p", { class: "quiet" }, advice),
    );
  }
}
