// A connection that hangs: browsers wait for minutes or for ever, and do not tell when nobody is at the other end.

// Longer than three heartbeats of a stream, and than the service or a gateway before it takes for an answer (30 s).
export const SILENCE_SECONDS = 45;

// Calls `bark` once it has not been called itself for so many seconds; `stop()` ends that.
export function watchdog(seconds, bark) {
  let timer = setTimeout(bark, seconds * 1000);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(bark, seconds * 1000);
  };
  heard.stop = () => clearTimeout(timer);
  return heard;
}
