// What is shown, kept in the address behind `#`: a reload, a bookmark and the way back show the same.

const STATUSES = new Set(["ready", "queued", "rejected", "failed"]);
// Characters of a tag: with more the service knows none.
const MOST_TAG = 32;
const IMAGE = /^[0-9a-f-]{36}$/;

// The filters, and the image that is open.
export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const status = given.get("status") ?? "";
  const image = given.get("image") ?? "";
  return {
    status: STATUSES.has(status) ? status : "",
    tag: [...(given.get("tag") ?? "").trim()].slice(0, MOST_TAG).join(""),
    image: IMAGE.test(image) ? image : "",
  };
}

export function addressOf(wanted) {
  const filled = Object.entries({ ...read(), ...wanted }).filter(([, value]) => value);
  return `#${new URLSearchParams(filled)}`;
}

// `instead`: the way back shall not lead to what is shown now.
export function go(wanted, instead = false) {
  const address = addressOf(wanted);
  if (address === location.hash || (address === "#" && !location.hash)) return;
  // Neither tells of itself by an event; who calls knows.
  if (instead) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

// `moved()` when the user goes back or forth, or changes the address.
export function onMove(moved) {
  addEventListener("hashchange", () => moved());
}
