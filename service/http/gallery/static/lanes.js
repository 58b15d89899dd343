// So many jobs at once, the others in their order: browsers open six connections to a host, and uploads need most.

export class Lanes {
  #free;
  #waiting = [];

  constructor(count) {
    this.#free = count;
  }

  // Runs `job` when there is a lane; a job whose signal is aborted before that is left out.
  async run(job, signal) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
    try {
      signal?.throwIfAborted();
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
