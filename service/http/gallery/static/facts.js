// What is known of an image, as a list of terms.

import { element } from "./dom.js";
import { dateText, sizeText, TYPE_NAMES } from "./texts.js";

export function facts(known) {
  const list = element("dl", { class: "facts" });
  const add = (term, ...value) => list.append(element("dt", {}, term), element("dd", {}, ...value));
  if (known.filename) add("File", known.filename);
  add("Type", TYPE_NAMES[known.content_type] ?? known.content_type);
  if (known.width) add("Dimensions", `${known.width} × ${known.height} pixels`);
  if (known.frames > 1) add("Frames", known.frames.toLocaleString());
  add("Size", sizeText(known.size), " ", element("span", { class: "quiet" }, `(${known.size.toLocaleString()} bytes)`));
  add("Uploaded", time(known.created_at));
  if (known.version > 1) add("Changed", time(known.updated_at));
  if (known.sha256) add("SHA-256", element("code", {}, known.sha256), copyButton("Copy SHA-256", known.sha256));
  return list;
}

const time = (text) => element("time", { datetime: text }, dateText(text));

// Null where the browser lets no page copy, which is by plain http on other hosts than localhost.
export function copyButton(label, text, kind = "plain small") {
  if (!navigator.clipboard) return null;
  const button = element("button", { type: "button", class: kind }, label);
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    button.textContent = copied ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}
