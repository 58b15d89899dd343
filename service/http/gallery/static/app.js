// The page: its parts, and what they tell each other.

import { Api } from "./api.js";
import { announce, byId } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { Identity } from "./identity.js";
import { listen } from "./intake.js";
import { Listing } from "./listing.js";
import { Pictures } from "./pictures.js";
import { SignIn } from "./signin.js";
import { usageText } from "./texts.js";
import { Tray } from "./tray.js";
import { Uploads } from "./uploads.js";

const identity = new Identity();
const signIn = new SignIn(identity, showUser);
const api = new Api(identity, (problem, used) => signIn.ask(problem, used));
const pictures = new Pictures(api);
const grid = new Grid(pictures, { open: () => {}, remove: () => {} });
const listing = new Listing(api, grid, { found, hidden: () => false });
const tray = new Tray(() => {});
const uploads = new Uploads(api, {
  changed: (upload) => tray.changed(upload),
  accepted: (known) => known.tags && listing.take(known),
  signIn: (problem, used) => signIn.ask(problem, used),
});
tray.uploads = uploads;
const filters = new Filters((wanted) => void listing.show(wanted));

function found(page) {
  if ("direct_upload_from" in page) uploads.directFrom = page.direct_upload_from;
  for (const known of page.images) if (listing.matches(known)) grid.put(known);
}

function showUser() {
  const { known } = identity;
  byId("who").hidden = !known;
  byId("user").textContent = known?.kind === "name" ? known.value : "";
}

async function showUsage() {
  try {
    byId("usage").textContent = usageText(await api.json("v1/usage"));
  } catch {
    byId("usage").textContent = "";
  }
}

byId("sign-out").addEventListener("click", () => {
  identity.forget();
  location.reload();
});
listen((files, leftOut) => {
  uploads.add(files);
  if (leftOut) announce(`${leftOut} files that are no pictures were left out`);
});
showUser();
await listing.show(filters.read());
await showUsage();
