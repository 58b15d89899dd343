// Server-sent events by fetch: EventSource can send no credentials.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

// Yields {event, data, id} of each event; `heard()` is called for whatever comes, comments included.
export async function* events(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = blank();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return; // an event that has not ended counts for nothing
      heard();
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line !== "") take(event, line);
        else {
          if (event.data !== null) yield event;
          event = { ...blank(), id: event.id };
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const blank = () => ({ event: "message", data: null, id: null });

function take(event, line) {
  const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line);
  if (field === "data") event.data = event.data === null ? value ?? "" : `${event.data}\n${value ?? ""}`;
  else if (field === "event" || field === "id") event[field] = value ?? "";
}
