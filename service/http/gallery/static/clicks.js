// A second click in a hurry is meant for what the first one hit, not for what has come into its place meanwhile.

const VIEWS = "dialog, .toast";

export function calm() {
  let first = null;
  document.addEventListener(
    "click",
    (event) => {
      const view = event.target.closest(VIEWS);
      // `detail` counts the clicks of a double or triple click; 0 is a key.
      if (event.detail <= 1) first = view;
      else if (view !== first) {
        event.stopImmediatePropagation();
        event.preventDefault();
      }
    },
    { capture: true },
  );
}
