// Title and tags of an image, changed only in the version that one has seen.

import { image } from "./api.js";
import { announce, element } from "./dom.js";
import { Problem } from "./problem.js";
import { sentence } from "./words.js";

export class Edit {
  // `saved(image)` with what the service has since; also when that is somebody else's change.
  constructor(api, known, saved) {
    Object.assign(this, { api, known, saved });
    const both = { autocomplete: "off", dir: "auto" };
    this.title = element("input", { ...both, name: "title", maxlength: "200", value: known.title ?? "" });
    const tags = { name: "tags", value: known.tags.join(", "), "aria-describedby": "tags-hint" };
    this.tags = element("input", { ...both, ...tags });
    this.state = element("p", { class: "state", role: "status" });
    this.choice = element("div", { class: "notice conflict", role: "alert", hidden: true });
    this.button = element("button", { type: "submit", class: "primary" }, "Save");
    this.form = element(
      "form",
      { class: "edit", "aria-label": "Edit" },
      element("label", {}, element("span", {}, "Title"), this.title),
      element("label", {}, element("span", {}, "Tags"), this.tags),
      element("p", { class: "quiet", id: "tags-hint" }, "With commas between; up to 10."),
      this.choice,
      element("div", { class: "line" }, this.button, this.state),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.save();
    });
    this.form.addEventListener("input", () => (this.state.textContent = ""));
  }

  get dirty() {
    return !same(this.#given(), this.known);
  }

  async save() {
    if (this.button.getAttribute("aria-disabled") === "true") return;
    this.button.setAttribute("aria-disabled", "true");
    this.state.textContent = "Saving…";
    const given = this.#given();
    try {
      const known = await this.api.json(image(this.known.image_id), {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json", "If-Match": `"${this.known.version}"` },
        body: JSON.stringify(given),
      });
      // What one has typed meanwhile stays, to be saved next.
      this.#take(known, same(given, this.#given()));
      this.state.textContent = "Saved";
      announce("Saved");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.state.textContent = "";
      if (error.code === "version_mismatch") await this.#ask();
      else this.state.textContent = sentence(error.code);
    } finally {
      this.button.removeAttribute("aria-disabled");
    }
  }

  #given() {
    const tags = this.tags.value.split(",").map((tag) => tag.trim());
    return { title: this.title.value.trim(), tags: [...new Set(tags.filter(Boolean))] };
  }

  #take(known, fill) {
    this.known = known;
    this.choice.hidden = true;
    if (fill) {
      this.title.value = known.title ?? "";
      this.tags.value = known.tags.join(", ");
    }
    this.saved(known);
  }

  // Somebody else was faster: shows what they wrote, and lets the user decide.
  async #ask() {
    let theirs;
    try {
      theirs = await this.api.json(image(this.known.image_id));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.state.textContent = sentence(error.code);
      return;
    }
    const decide = (label, run) => element("button", { type: "button", click: run }, label);
    this.choice.replaceChildren(
      element("p", {}, element("strong", {}, "Somebody has changed this image meanwhile.")),
      element("p", {}, `Their title: ${theirs.title ?? "none"}`),
      element("p", {}, `Their tags: ${theirs.tags.join(", ") || "none"}`),
      element(
        "div",
        { class: "line" },
        decide("Keep theirs", () => {
          this.#take(theirs, true);
          this.title.focus();
        }),
        decide("Save mine", () => {
          this.#take(theirs, false);
          this.title.focus();
          void this.save();
        }),
      ),
    );
    this.choice.hidden = false;
    this.choice.querySelector("button").focus();
  }
}

function same(one, other) {
  return (one.title ?? "") === (other.title ?? "") && one.tags.join("\n") === other.tags.join("\n");
}
