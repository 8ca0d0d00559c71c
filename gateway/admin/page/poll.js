// Asks for `/status` again and again: one request at a time, and none while nobody looks.

const PERIOD_MS = 1000;

/** A gateway that has not answered by then is said not to. */
const PATIENCE_MS = 5000;

export class Poll {
  #listener;
  #token = null;
  #waiting = null;
  /** Of the request that is under way or was the last; null while nobody looks. */
  #asking = null;

  /**
   * `listener` has `told(status)`; `refused(wasShown)`, where a token is asked for, be it another than was
   * shown; and `failed(why)`. After `refused` nothing is asked until `token` is set.
   */
  constructor(listener) {
    this.#listener = listener;
    document.addEventListener("visibilitychange", () => this.restart());
  }

  get token() {
    return this.#token;
  }

  /** Show that token from now on; null: none. */
  set token(token) {
    this.#token = token;
    this.restart();
  }

  /** Ask now, and go on while the page is visible. */
  restart() {
    clearTimeout(this.#waiting);
    this.#asking?.abort();
    this.#asking = null;
    if (!document.hidden) this.#ask();
  }

  async #ask() {
    const asking = (this.#asking = new AbortController());
    const patience = setTimeout(() => asking.abort(), PATIENCE_MS);  // AbortSignal.any is too young for some browsers
    const tell = await this.#answer(asking.signal);
    clearTimeout(patience);
    if (this.#asking !== asking) return;
    if (this.#tell(tell)) this.#waiting = setTimeout(() => this.#ask(), PERIOD_MS);
  }

  /** Old figures that look live would be worse than none: a fault of this page is told like any other. */
  #tell(tell) {
    try {
      return tell();
    } catch (error) {
      console.error(error);
      this.#listener.failed("this page does not understand its answer");
      return true;
    }
  }

  /** What to tell the listener of one request; that returns whether to ask again. */
  async #answer(signal) {
    const { told, refused, failed } = this.#listener;
    const again = (tell) => () => { tell(); return true; };
    try {
      const answer = await fetch("status", {
        headers: this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` },
        cache: "no-store", credentials: "omit", redirect: "error", signal,
      });
      if (answer.status === 401) return () => { refused(this.#token !== null); return false; };
      if (!answer.ok) return again(() => failed(`it answers with status ${answer.status}`));
      const status = await answer.json();
      return again(() => told(status));
    } catch (error) {
      return again(() => failed(signal.aborted ? `no answer in ${PATIENCE_MS / 1000} seconds` : reason(error)));
    }
  }
}

const reason = (error) => (error instanceof SyntaxError ? "its answer is no JSON" : "no connection");
