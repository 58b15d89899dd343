// The page: its parts, and what they tell each other.

import { addressOf, go, onMove } from "./address.js";
import { Api } from "./api.js";
import { calm } from "./clicks.js";
import { Detail } from "./detail.js";
import { announce, byId } from "./dom.js";
import { download } from "./download.js";
import { Filters } from "./filters.js";
import { Follower } from "./follow.js";
import { Grid } from "./grid.js";
import { Identity } from "./identity.js";
import { listen } from "./intake.js";
import { Listing } from "./listing.js";
import { Navigation } from "./navigation.js";
import { Pictures } from "./pictures.js";
import { Removal } from "./removal.js";
import { SignIn } from "./signin.js";
import { toast } from "./toasts.js";
import { Tray } from "./tray.js";
import { Uploads } from "./uploads.js";
import { Usage } from "./usage.js";

const identity = new Identity();
const signIn = new SignIn(identity, showUser);
const ask = (problem, used) => signIn.ask(problem, used);
const api = new Api(identity, ask);
const pictures = new Pictures(api);
const usage = new Usage(api);
const removal = new Removal(api, { hidden: putAway, back, done: deleted });
const open = (id) => navigation.open(id);
const grid = new Grid(pictures, { open, remove: (known) => removal.remove(known) });
const listing = new Listing(api, grid, { found, hidden: (id) => removal.has(id) });
const follower = new Follower(api, { changed, gone });
const tray = new Tray(open);
const uploads = new Uploads(api, { changed: (upload) => tray.changed(upload), accepted, signIn: ask });
tray.uploads = uploads;
const detail = new Detail(api, pictures, {
  beside: (id, by) => grid.beside(id, by),
  moved(known) {
    go({ image: known.image_id }, true);
    if (!grid.beside(known.image_id, 1)) void listing.next().then(() => detail.arrows());
  },
  closed(known) {
    go({ image: "" }, true);
    grid.focus(known.image_id);
  },
  remove: (known) => removal.remove(known),
  download: (known) => download(pictures, known),
  link: (id) => new URL(addressOf({ status: "", tag: "", image: id }), location.href).href,
  tagged: (tag) => navigation.filter({ status: "", tag }),
  changed,
});
const filters = new Filters((wanted) => navigation.filter(wanted));
const navigation = new Navigation({ api, filters, listing, grid, detail });

// What the service says of an image, wherever it is shown.
function changed(known) {
  uploads.update(known);
  listing.take(known);
  detail.update(known);
  if (known.status === "queued") follower.follow(known.image_id);
  else usage.soon();
}

function accepted(known) {
  // A direct upload has no receipt: nothing is known of it before it has arrived.
  if (known.arriving) follower.follow(known.image_id, true);
  else changed(known);
}

function found(page) {
  uploads.learn(page);
  for (const known of page.images) {
    if (listing.matches(known)) grid.put(known);
    if (known.status === "queued") follower.follow(known.image_id);
  }
}

function putAway(known) {
  follower.leave(known.image_id);
  listing.take(known);
  usage.left(known);
}

function back(known) {
  usage.back(known);
  changed(known);
}

function deleted(known) {
  uploads.gone(known.image_id);
  usage.deleted(known);
}

function gone(id) {
  uploads.gone(id);
  grid.remove(id);
}

function showUser() {
  const { known } = identity;
  byId("who").hidden = !known;
  byId("user").textContent = known?.kind === "name" ? known.value : "";
}

calm();
byId("sign-out").addEventListener("click", () => {
  removal.forget();
  identity.forget();
  location.replace(location.pathname);
});
listen((files, leftOut) => {
  uploads.add(files);
  if (leftOut) toast(`Left out, as they are no pictures: ${leftOut} ${leftOut === 1 ? "file" : "files"}.`);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // else the address would lose what is shown
  byId("images").focus();
});
addEventListener("offline", () => announce("No connection. Uploads go on when it is back."));
onMove(() => void navigation.move());
showUser();
removal.resume();
const { content: scheme } = document.querySelector('meta[name="sign-in"]');
if (scheme && !identity.known) await ask({ challenge: scheme }, null);
// One question first: it may be answered by asking who is asking.
if (!identity.known) await usage.show();
else usage.soon();
await navigation.move();
