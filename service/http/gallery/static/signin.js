// Asks who is asking, once for all requests that wait for it, and only when the service says that it wants to know.

import { byId } from "./dom.js";
import { sound, wanted } from "./identity.js";
import { words } from "./words.js";

const FORMS = {
  name: {
    label: "Your name",
    why: "This service tells people apart by a name. Choose one; others who use the same name see the same images.",
    wrong: "A name has letters, digits or ._@+=:|- and no spaces.",
    type: "text",
    complete: "username",
  },
  secret: {
    label: "API key or token",
    why: "It stays in this browser and goes to this service only.",
    wrong: "That cannot be a key or token: it has characters in it that none has.",
    type: "password",
    complete: "current-password",
  },
};

export class SignIn {
  #waiting = null;

  constructor(identity, signedIn) {
    this.identity = identity;
    this.signedIn = signedIn;
    this.dialog = byId("sign-in");
    this.form = this.dialog.querySelector("form");
    this.field = byId("credential");
    this.form.addEventListener("submit", (event) => this.#submit(event));
    // There is nothing behind it that could be used without.
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    // Chromium lets a second Escape close a dialog whatever the page says.
    this.dialog.addEventListener("close", () => this.#waiting && this.dialog.showModal());
  }

  // Resolves when there is a credential other than the one that the refused request was made with.
  ask(problem, used) {
    if (this.identity.known !== used) return Promise.resolve();
    if (!this.#waiting) {
      this.#waiting = {};
      this.#waiting.promise = new Promise((resolve) => (this.#waiting.done = resolve));
      this.#show(wanted(problem.challenge), used ? words(problem.code).text : "");
    }
    return this.#waiting.promise;
  }

  #show(kind, error) {
    const form = FORMS[kind];
    this.kind = kind;
    byId("sign-in-label").textContent = form.label;
    byId("sign-in-why").textContent = form.why;
    byId("sign-in-error").textContent = error;
    Object.assign(this.field, { type: form.type, autocomplete: form.complete, value: "" });
    byId("remember").checked = this.identity.remembered;
    this.dialog.showModal();
    this.field.focus();
  }

  #submit(event) {
    event.preventDefault();
    const value = sound(this.kind, this.field.value);
    if (value === null) {
      byId("sign-in-error").textContent = FORMS[this.kind].wrong;
      this.field.focus();
      return;
    }
    this.identity.use(this.kind, value, byId("remember").checked);
    const { done } = this.#waiting;
    this.#waiting = null;
    this.field.value = "";
    this.dialog.close();
    this.signedIn();
    done();
  }
}
