// A signal that is aborted as soon as one of several is: `AbortSignal.any`, also for browsers from before 2024.

export function either(...signals) {
  if (AbortSignal.any) return AbortSignal.any(signals);
  const made = new AbortController();
  for (const signal of signals) {
    const stop = () => made.abort(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true, signal: made.signal });
  }
  return made.signal;
}
