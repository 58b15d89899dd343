// Who is asking: nothing where a gateway says it, else a name or a secret, kept for this tab, or this device if wished.

const KEY = "cloud-images";
// What AUTH_MODE=header takes for a user's id, and what the others can take for a key or token (RFC 6750, section 2.1).
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._@+=:|-]{0,127}$/;
const SECRET = /^[A-Za-z0-9._~+/-]+=*$/;

export class Identity {
  #known = read("sessionStorage") ?? read("localStorage");

  get known() {
    return this.#known;
  }

  get remembered() {
    return read("localStorage") !== null;
  }

  headers() {
    if (!this.#known) return {};
    const { kind, value } = this.#known;
    return kind === "name" ? { "X-User-Id": value } : { Authorization: `Bearer ${value}` };
  }

  use(kind, value, remember) {
    this.forget();
    this.#known = { kind, value };
    write(remember ? "localStorage" : "sessionStorage", JSON.stringify(this.#known));
  }

  forget() {
    this.#known = null;
    for (const store of ["localStorage", "sessionStorage"]) write(store, null);
  }
}

// The text as it can be sent, or null: it cannot be a credential of this kind.
export function sound(kind, text) {
  const value = text.trim().replace(/^bearer +/i, "");
  return (kind === "name" ? NAME : SECRET).test(value) ? value : null;
}

// Which kind a challenge (RFC 9110, section 11.6.1) asks for; gateways with tokens of their own may send none.
export function wanted(challenge) {
  return /^x-user-id\b/i.test(challenge ?? "") ? "name" : "secret";
}

function read(store) {
  try {
    const known = JSON.parse(window[store].getItem(KEY));
    return known && sound(known.kind, known.value) ? known : null;
  } catch {
    return null; // no storage here, or not ours in it: then one signs in
  }
}

function write(store, text) {
  try {
    if (text === null) window[store].removeItem(KEY);
    else window[store].setItem(KEY, text);
  } catch {
    // A browser that keeps nothing forgets with the page.
  }
}
