// All uploads of this page: three at a time, and what has become of each.

import { insist, restartable } from "./attempts.js";
import { announce } from "./dom.js";
import { refusal } from "./files.js";
import { Lanes } from "./lanes.js";
import { Problem } from "./problem.js";
import { send } from "./send.js";
import { spoken } from "./tally.js";

const AT_ONCE = 3;
const AGAIN_SECONDS = 20;
const UNFINISHED = new Set(["waiting", "sending", "pausing", "lost"]);
// Codes of what cannot become an image any more under the same key.
const SPENT = new Set(["image_deleted", "idempotency_key_reused", "never_arrived"]);
export const SETTLED = new Set(["ready", "rejected", "failed"]);

export class Uploads {
  #lanes = new Lanes(AT_ONCE);
  #byImage = new Map();
  list = new Set();
  #directFrom;

  // `changed(upload)` when anything of an upload has; `accepted(image)` with each receipt.
  constructor(api, { changed, accepted, signIn }) {
    Object.assign(this, { api, changed, accepted, signIn });
    const again = () => this.retryAll((upload) => upload.problem.status === 0);
    addEventListener("online", again);
    // A service that is away says nothing to the browser when it comes back.
    setInterval(again, AGAIN_SECONDS * 1000);
    addEventListener("beforeunload", (event) => {
      if ([...this.list].some((upload) => UNFINISHED.has(upload.state))) event.preventDefault();
    });
  }

  // From how many bytes on files go straight to S3, as each list and receipt tells; null: none.
  learn({ direct_upload_from: from }) {
    if (from !== undefined) this.#directFrom = from;
  }

  add(files) {
    let refused = null;
    for (const file of files) {
      const upload = { file, key: newKey(), state: "waiting", part: 0, still: false, problem: null, image: null };
      this.list.add(upload);
      const code = refusal(file);
      if (code) this.#set((refused = upload), { state: "refused", problem: new Problem(400, code) });
      else void this.#run(upload);
    }
    this.#tell(refused);
  }

  retry(upload) {
    if (restartable(upload)) upload.restart.abort(new DOMException("again", "AbortError"));
    if (upload.state !== "refused" && upload.state !== "lost") return;
    if (SPENT.has(upload.problem?.code)) upload.key = newKey();
    void this.#run(upload);
  }

  retryAll(which = (upload) => upload.state === "lost") {
    for (const upload of this.list) if (upload.state === "lost" && which(upload)) this.retry(upload);
  }

  remove(upload) {
    upload.stop?.abort(new DOMException("removed", "AbortError"));
    this.list.delete(upload);
    if (upload.image) this.#byImage.delete(upload.image.image_id);
    this.changed(upload);
  }

  // What the service says of an image since.
  update(image) {
    const upload = this.#byImage.get(image.image_id);
    if (!upload) return;
    this.#set(upload, { state: image.status, image });
    if (SETTLED.has(image.status)) this.#tell(upload);
  }

  // There is no such image any more: deleted, or a direct upload that has never arrived.
  gone(id) {
    const upload = this.#byImage.get(id);
    if (!upload) return;
    this.#byImage.delete(id);
    const problem = new Problem(404, "never_arrived");
    if (upload.image.arriving) this.#set(upload, { state: "lost", image: null, problem });
    else this.remove(upload);
  }

  async #run(upload) {
    upload.stop = new AbortController();
    const { signal } = upload.stop;
    this.#set(upload, { state: "waiting", part: 0, problem: null });
    try {
      const image = await this.#lanes.run(() => this.#send(upload, signal), signal);
      this.#byImage.set(image.image_id, upload);
      this.#set(upload, { state: image.status, image });
      this.accepted(image);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#set(upload, { state: error.passes || error.status >= 500 ? "lost" : "refused", problem: error });
    }
    this.#tell(upload);
  }

  #send(upload, signal) {
    const set = (changes) => this.#set(upload, changes);
    const once = async (progress, either) => {
      // A file that is too large for what stands before the service would not even be refused in words.
      if (this.#directFrom === undefined) {
        this.learn(await this.api.json("v1/images", { query: { limit: 1 }, signal: either }));
      }
      return send(this.api, upload, this.#directFrom, progress, either);
    };
    return insist(upload, once, { api: this.api, set, signIn: this.signIn }, signal);
  }

  #set(upload, changes) {
    Object.assign(upload, changes);
    if (this.list.has(upload)) this.changed(upload);
  }

  #tell(last) {
    announce(spoken([...this.list], last));
  }
}

// Not randomUUID, which there is by https and on localhost only.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
