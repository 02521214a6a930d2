/** Counting what the page asks the network for. */

/**
 * Call back with the times of requests, in milliseconds since 1970, whenever there are new ones.
 *
 * @param {(times: number[]) => void} tell
 */
export function onRequests(tell) {
  new PerformanceObserver((list) => {
    const requests = list.getEntries().filter(({ name }) => name.startsWith("http"));
    if (requests.length) {
      tell(requests.map(({ startTime }) => performance.timeOrigin + startTime));
    }
  }).observe({ type: "resource", buffered: true });
}

/** Counts requests since a moment. */
export class RequestCounter {
  /** @param {(count: number) => void} show called whenever the count changes */
  constructor(show) {
    this._show = show;
    /** @type {number[]} */
    this._times = [];
    this._since = Infinity;
  }

  /** @param {number[]} times of requests, in milliseconds since 1970 */
  add(times) {
    this._times.push(...times);
    this._show(this.count);
  }

  /** Count from now on. */
  begin() {
    this._since = performance.timeOrigin + performance.now();
    this._show(this.count);
  }

  get count() {
    return this._times.filter((time) => time >= this._since).length;
  }
}
