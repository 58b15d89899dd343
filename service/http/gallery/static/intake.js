// Pictures come by the button, by drag and drop anywhere on the page (folders, too), or from the clipboard.

import { byId } from "./dom.js";
import { typeOf } from "./files.js";

// `take(files, leftOut)`; of folders only what may be a picture is taken, and the number of other files told.
export function listen(take) {
  const field = byId("files");
  byId("pick").addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    take([...field.files], 0);
    field.value = ""; // else the same file again would be no change
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].map(pasted);
    // Word processors put a picture of a text beside it; who writes wants the text.
    const writes = event.target.closest?.("input, textarea") && event.clipboardData.types.includes("text/plain");
    if (files.length === 0 || writes) return;
    event.preventDefault();
    take(files, 0);
  });
  listenToDrops(take);
}

function listenToDrops(take) {
  const target = byId("drop-here");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const show = (visible) => {
    target.hidden = !visible;
    if (!visible) depth = 0;
  };
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    show(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (carriesFiles(event) && --depth <= 0) show(false);
  });
  document.addEventListener("dragover", (event) => {
    // Else the browser would leave the page for the file.
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
    const { files, leftOut } = await dropped(event.dataTransfer);
    take(files, leftOut);
  });
}

async function dropped(transfer) {
  // Both have to be read before the first await: after the event they are empty.
  const plain = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return { files: plain, leftOut: 0 };
  const found = { files: [], leftOut: 0 };
  for (const entry of entries) await walk(entry, found, true);
  return found;
}

async function walk(entry, found, chosen) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    if (file && (chosen || typeOf(file) !== null)) found.files.push(file);
    else found.leftOut += 1;
    return;
  }
  const reader = entry.createReader();
  const read = () => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  // A folder is handed out in parts, at most a hundred entries each, until a part is empty.
  for (let part = await read().catch(() => []); part.length > 0; part = await read().catch(() => [])) {
    for (const one of part) await walk(one, found, false);
  }
}

// Browsers call everything that is pasted "image.png".
function pasted(file) {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const time = new Date().toLocaleString("sv").replaceAll(":", ".");
  return new File([file], `Pasted ${time}.${file.name.split(".").pop()}`, { type: file.type });
}
