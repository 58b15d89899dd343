// Small parts of the large view.

import { element, icon } from "./dom.js";
import { words } from "./words.js";

// A round one shows only the icon, and is called by its label all the same.
export function button(name, label, run, kind = "") {
  const round = kind === "round";
  const attributes = { type: "button", class: kind, "aria-label": round ? label : null, click: run };
  return element("button", attributes, icon(name), round ? null : label);
}

// Why there is no picture.
export function why({ status, reason }) {
  const notice = "Queued: it is being checked, and previews are made.";
  if (status === "queued") return element("p", { class: "notice" }, notice);
  const { text, advice } = words(reason?.code);
  const begin = status === "rejected" ? "Rejected: the file was not kept." : "Failed.";
  return element("p", { class: "notice bad" }, element("strong", {}, `${begin} ${text}`), ` ${advice}`);
}
