// What can go wrong with a request, in one form: problem documents of the service,
// a gateway's answers, no answer at all.

export class Problem extends Error {
  // `status` 0: there was no answer. `code` is the service's, or one of the page's own (see words.js).
  constructor(status, code, detail = "", more = {}) {
    super(`${status} ${code}`);
    Object.assign(this, { status, code, detail, retryAfter: null, challenge: null, ...more });
  }

  // Whether the same request may well succeed later by itself.
  get passes() {
    return this.status === 0 || this.status >= 502 || (this.status === 429 && this.code !== "quota_exceeded");
  }
}

export const offline = () => new Problem(0, "no_connection");
// There is a connection, as far as the browser knows, but nothing comes or goes by it.
export const stalled = () => new Problem(0, "stalled");

// `header` looks up a header of the answer; `text` is its body.
export function problemOf(status, header, text) {
  let said = {};
  try {
    said = JSON.parse(text) ?? {};
  } catch {
    // A gateway's own page.
  }
  const code = typeof said.code === "string" ? said.code : BY_STATUS[status] ?? "unknown";
  const seconds = Number.parseInt(header("Retry-After") ?? "", 10);
  return new Problem(status, code, typeof said.detail === "string" ? said.detail : "", {
    retryAfter: Number.isFinite(seconds) ? seconds : null,
    challenge: header("WWW-Authenticate"),
  });
}

const BY_STATUS = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  413: "too_large",
  429: "rate_limited",
  500: "internal_error",
  502: "service_unavailable",
  503: "service_unavailable",
  504: "service_unavailable",
};
