// Elements without markup: what users wrote is only ever text.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

// Attributes by name; functions are listeners; null, undefined and false are left out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const ICONS = {
  close: "M6 6l12 12M18 6L6 18",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  warning: "M12 4l9 16H3zM12 10v4M12 17v.5",
  wait: "M12 7v5l3 2M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18",
  done: "M5 13l4 4L19 7",
};

export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  made.append(path);
  return made;
}

const SOON_MS = 400;
const APART_MS = 1500;
let newest = null;
let earliest = 0;

// Tells a screen reader, at most once in a second and a half: the newest is what counts.
export function announce(text) {
  if (newest === null) setTimeout(say, Math.max(SOON_MS, earliest - performance.now()));
  newest = text;
}

function say() {
  byId("live").textContent = newest;
  newest = null;
  earliest = performance.now() + APART_MS;
}
