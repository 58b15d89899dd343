// Notices that go by themselves, with a way to take back what they tell of. They stay while one points at them.

import { announce, byId, element, icon } from "./dom.js";

// `action` is {label, run, keys}: what it is called, what it does, and the keys that do the same, if any.
// `ended()` when its time is over, not when the action was taken.
export function toast(text, { seconds = 8, action = null, ended = () => {} } = {}) {
  let timer = null;
  let over = false;
  const close = () => {
    over = true;
    clearTimeout(timer);
    box.remove(); // focus and pointer leave it by that, too
  };
  const end = () => {
    close();
    ended();
  };
  const wait = () => {
    clearTimeout(timer);
    if (!over) timer = setTimeout(end, seconds * 1000);
  };
  const act = () => {
    close();
    action.run();
  };
  const hold = () => clearTimeout(timer);
  const box = element(
    "div",
    { class: "toast", pointerenter: hold, pointerleave: wait, focusin: hold, focusout: wait },
    element("p", {}, text),
    action && element("button", { type: "button", class: "plain", click: act }, action.label),
    element("button", { type: "button", class: "round", "aria-label": "Dismiss", click: end }, icon("close")),
  );
  // In a modal dialog, only what is inside of it can be used.
  (document.querySelector("dialog[open] .toasts") ?? byId("toasts")).append(box);
  announce(action?.keys ? `${text}. ${action.label} with ${action.keys}.` : text);
  wait();
  return { close, end };
}
