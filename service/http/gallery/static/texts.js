// Figures and names as people read them.

export function sizeText(bytes) {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const [value, unit] = bytes < 1024 * 1024 ? [bytes / 1024, "KB"] : [bytes / 1024 / 1024, "MB"];
  return `${value.toLocaleString(undefined, { maximumFractionDigits: value < 10 ? 1 : 0 })} ${unit}`;
}

export function dateText(rfc3339) {
  return new Date(rfc3339).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function nameText(image) {
  return image.title || image.filename || "Untitled";
}

export const TYPE_NAMES = {
  "image/jpeg": "JPEG",
  "image/png": "PNG",
  "image/gif": "GIF",
  "image/webp": "WebP",
  "image/avif": "AVIF",
};

export function usageText({ images, bytes, quota }) {
  const of = (most, text) => (most === null ? "" : ` of ${text}`);
  const count = `${images.toLocaleString()}${of(quota.images, quota.images?.toLocaleString())}`;
  const noun = images === 1 && !quota.images ? "image" : "images";
  return `${count} ${noun}, ${sizeText(bytes)}${of(quota.bytes, sizeText(quota.bytes ?? 0))}`;
}
