// Deleting with a way back: the image leaves the view at once, and the service only when nobody has undone it.

import { image } from "./api.js";
import { announce } from "./dom.js";
import { Problem } from "./problem.js";
import { nameText } from "./texts.js";
import { toast } from "./toasts.js";
import { drop, dropAll, keep, unsent } from "./unsent.js";
import { sentence } from "./words.js";

const UNDO_SECONDS = 8;
const UNDO_KEYS = /Mac|iP/.test(navigator.platform) ? "Command+Z" : "Control+Z";

export class Removal {
  #pending = new Map();
  // Deleted, or about to be, and not to be undone any more.
  #gone = new Set();
  // How often the page was left; browsers may keep it, and bring it back.
  #left = 0;

  // `hidden(image)` and `back(image)` when it leaves the view and when it comes back; `done(image)` when it is deleted.
  constructor(api, { hidden, back, done }) {
    Object.assign(this, { api, hidden, back, done });
    // Nobody can undo it any more.
    addEventListener("pagehide", () => {
      this.flush();
      this.#left += 1;
    });
    // Back from where browsers keep pages that were left: what was on its way may not have got there.
    addEventListener("pageshow", (event) => event.persisted && this.resume());
    // By keyboard the notice at the end of the page is far away.
    addEventListener("keydown", (event) => {
      const control = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
      if (event.key?.toLowerCase() !== "z" || !control || this.#pending.size === 0) return;
      if (event.target.closest("input, textarea")) return; // there it undoes what was typed
      event.preventDefault();
      const { known, notice } = [...this.#pending.values()].pop();
      notice.close();
      this.#undo(known);
      announce(`${nameText(known)} is back`);
    });
  }

  has(id) {
    return this.#pending.has(id) || this.#gone.has(id);
  }

  remove(known) {
    if (this.has(known.image_id)) return;
    const notice = toast(`Deleted ${nameText(known)}`, {
      seconds: UNDO_SECONDS,
      action: { label: "Undo", keys: UNDO_KEYS, run: () => this.#undo(known) },
      ended: () => void this.#delete(known),
    });
    this.#pending.set(known.image_id, { known, notice });
    this.hidden(known);
  }

  // Deletes what a page that was left may have left undone. Twice does no harm.
  resume() {
    for (const known of unsent()) {
      if (this.#pending.has(known.image_id)) continue;
      this.#gone.add(known.image_id);
      void this.#send(known);
    }
  }

  // Forgets that, as somebody else may be next.
  forget() {
    this.flush();
    dropAll();
  }

  // Deletes now what is to be deleted.
  flush() {
    for (const { known, notice } of [...this.#pending.values()]) {
      notice.close();
      void this.#delete(known);
    }
  }

  #undo(known) {
    this.#pending.delete(known.image_id);
    this.back(known);
  }

  async #delete(known) {
    if (!this.#pending.delete(known.image_id)) return;
    this.#gone.add(known.image_id);
    await this.#send(known);
  }

  async #send(known) {
    const left = this.#left;
    keep(known);
    try {
      // A page that is left can still send it; whether it gets there, only the next one can see to.
      await this.api.ask(image(known.image_id), { method: "DELETE", keepalive: true });
      drop(known);
      this.done(known);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (left !== this.#left) return; // it was left meanwhile, and has sent it again if it is back
      drop(known);
      this.#gone.delete(known.image_id);
      this.back(known);
      toast(`${nameText(known)} is not deleted. ${sentence(error.code)}`, {
        action: { label: "Try again", run: () => this.remove(known) },
      });
    }
  }
}
