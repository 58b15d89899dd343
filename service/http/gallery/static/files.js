// What can be told of a file before a byte of it is sent.

export const MAX_BYTES = 5 * 1024 * 1024;
const TYPES = {
  "image/jpeg": ["jpg", "jpeg", "jpe", "jfif"],
  "image/png": ["png"],
  "image/gif": ["gif"],
  "image/webp": ["webp"],
  "image/avif": ["avif"],
};
const OTHER_NAMES = { "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png" };
const BY_ENDING = new Map(Object.entries(TYPES).flatMap(([type, endings]) => endings.map((ending) => [ending, type])));
const NAME_BYTES = 255;

// The media type to send, or null: not a picture that is taken. Some systems tell browsers no type; then the name does.
export function typeOf(file) {
  const given = file.type.toLowerCase();
  const type = OTHER_NAMES[given] ?? given;
  if (type) return type in TYPES ? type : null;
  return BY_ENDING.get(file.name.split(".").pop().toLowerCase()) ?? null;
}

// The code of what is wrong with the file, as the service would say it, or null.
export function refusal(file) {
  if (typeOf(file) === null) return "unsupported_media_type";
  if (file.size === 0) return "empty_body";
  return file.size > MAX_BYTES ? "too_large" : null;
}

// The name as the service keeps it: no control characters, at most 255 bytes; the ending stays.
export function nameOf(file) {
  const name = [...file.name.replace(/[\u0000-\u001f\u007f-\u009f]/g, "").toWellFormed()];
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 && name.length - dot <= 6 ? name.splice(dot) : [];
  const bytes = (characters) => new TextEncoder().encode(characters.join("")).length;
  while (bytes(name) + bytes(ending) > NAME_BYTES) name.pop();
  return [...name, ...ending].join("");
}
