// What this tab has still to delete: a page that is left may not get it to the service, so the next one sends it again.

const KEY = "cloud-images-deleted";

export function unsent() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter((known) => typeof known?.image_id === "string") : [];
  } catch {
    return []; // no storage here, or not ours in it
  }
}

export function keep(known) {
  write([...unsent().filter((one) => one.image_id !== known.image_id), known]);
}

export function drop({ image_id: id }) {
  write(unsent().filter((known) => known.image_id !== id));
}

export function dropAll() {
  write([]);
}

function write(all) {
  try {
    if (all.length === 0) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Then only the page that is left can send it.
  }
}
