// The list of uploads: each with its progress, then what has become of it.

import { byId, element, icon } from "./dom.js";
import { sizeText } from "./texts.js";
import { sketch } from "./sketch.js";
import { restartable } from "./attempts.js";
import { tally } from "./tally.js";
import { SETTLED } from "./uploads.js";
import { words } from "./words.js";

export class Tray {
  #rows = new Map();
  #drawing = null;
  #changed = new Set();
  #newest = null;

  // `open(image_id)` shows an image.
  constructor(open) {
    this.open = open;
    this.list = byId("upload-list");
    byId("clear").addEventListener("click", () => this.#clear());
    byId("retry-all").addEventListener("click", () => this.uploads.retryAll());
  }

  // Draws once a frame, however often bytes go out.
  changed(upload) {
    this.#changed.add(upload);
    this.#drawing ??= requestAnimationFrame(() => {
      this.#drawing = null;
      for (const one of this.#changed) this.#draw(one);
      this.#changed.clear();
      this.#sum();
      // What has just been added shall be seen, and not what was done long ago.
      if (this.#newest) this.list.scrollTop = this.#newest.offsetTop - this.list.offsetTop;
      this.#newest = null;
    });
  }

  #draw(upload) {
    let row = this.#rows.get(upload);
    if (!this.uploads.list.has(upload)) {
      row?.item.remove();
      this.#rows.delete(upload);
      return;
    }
    if (!row) {
      row = this.#row(upload);
      this.#rows.set(upload, row);
      this.list.append(row.item);
      this.#newest ??= row.item;
    }
    const { state, part } = upload;
    row.item.dataset.status = state;
    if (upload.image) row.item.dataset.imageId = upload.image.image_id;
    row.bar.hidden = !["waiting", "sending", "pausing"].includes(state);
    row.bar.value = part;
    row.text.textContent = textOf(upload);
    const mayPass = state === "lost" || (state === "refused" && words(upload.problem.code).again);
    row.retry.hidden = !(mayPass || restartable(upload));
    row.show.hidden = !SETTLED.has(state);
    const done = SETTLED.has(state) || state === "queued" || state === "refused";
    row.remove.setAttribute("aria-label", `${done ? "Remove from the list" : "Cancel"}: ${upload.file.name}`);
  }

  #row(upload) {
    const { file } = upload;
    const text = element("p", { class: "state" });
    const bar = element("progress", { max: "1", value: "0", "aria-label": `Progress of ${file.name}` });
    const button = (label, run) =>
      element("button", { type: "button", class: "plain", "aria-label": `${label} ${file.name}`, click: run }, label);
    const retry = button("Retry", () => this.uploads.retry(upload));
    const show = button("Show", () => this.open(upload.image.image_id));
    const cancel = () => this.uploads.remove(upload);
    const remove = element("button", { type: "button", class: "round", click: cancel }, icon("close"));
    const name = element("p", { class: "name", title: file.name, dir: "auto" }, file.name);
    const size = element("span", { class: "quiet" }, sizeText(file.size));
    const item = element(
      "li",
      { class: "upload", "aria-label": file.name },
      sketch(file),
      element("div", { class: "what" }, element("div", { class: "line" }, name, size), bar, text),
      retry,
      show,
      remove,
    );
    return { item, text, bar, retry, show, remove };
  }

  #sum() {
    const uploads = [...this.uploads.list];
    byId("uploads").hidden = uploads.length === 0;
    byId("tally").textContent = tally(uploads);
    byId("retry-all").hidden = uploads.filter((upload) => upload.state === "lost").length < 2;
    byId("clear").hidden = !uploads.some(finished);
  }

  #clear() {
    for (const upload of [...this.uploads.list]) if (finished(upload)) this.uploads.remove(upload);
    byId("pick").focus();
  }
}

const finished = (upload) => SETTLED.has(upload.state) || upload.state === "queued" || upload.state === "refused";

function textOf({ state, part, still, problem, image }) {
  switch (state) {
    case "waiting":
      return "Waiting";
    case "sending":
      if (part === 1) return `Uploaded; ${still ? "the service has not answered yet" : "waiting for the service"}`;
      return `Uploading, ${Math.floor(part * 100)} %${still ? `. ${words("stalled").text}` : ""}`;
    case "pausing":
      return problem.status === 401 ? words(problem.code).text : `${words(problem.code).text} Trying again.`;
    case "queued":
      return "Queued: it is being checked, and previews are made";
    case "ready":
      return "Ready";
    case "lost":
      if (problem.status === 0) return `${words(problem.code).text} It goes on when the connection is back.`;
    // falls through
    default: {
      const { text, advice } = words(problem?.code ?? image?.reason?.code);
      return `${{ rejected: "Rejected. ", failed: "Failed. " }[state] ?? ""}${text} ${advice}`.trim();
    }
  }
}
