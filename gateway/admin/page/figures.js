// Numbers as a person reads them, and what a histogram says.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A count. */
export const count = (number) => WHOLE.format(number);

/** So many a second. */
export const rate = (number) => `${number < 100 ? TENTHS.format(number) : WHOLE.format(number)}/s`;

/** A share of one, as a percentage. */
export const share = (number) => `${TENTHS.format(100 * number)} %`;

/** A number of about that size. */
export const about = (number) => DIGITS.format(number);

/** An amount of memory or disk. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = number < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(number) / 10));
  return `${DIGITS.format(number / 1024 ** step)} ${units[step]}`;
}

/** A span of time: two units at most. */
export function span(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.9995) return `${DIGITS.format(seconds * 1000)} ms`;
  if (seconds < 60) return `${DIGITS.format(seconds)} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [[name, size], [next, step]] = [units[first], units[first + 1]];
  const whole = Math.floor(seconds / size);
  const rest = Math.floor((seconds - whole * size) / step);
  return rest ? `${whole} ${name} ${rest} ${next}` : `${whole} ${name}`;
}

/** A moment as this machine's clock shows it. */
export const clock = (moment) => new Date(moment).toLocaleTimeString("en-GB");

/** How far `moment` is from `now`; both as `/status` writes them. */
export function distance(moment, now) {
  const seconds = (Date.parse(moment) - Date.parse(now)) / 1000;
  return seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

/** How many values a histogram has counted. */
export const observed = (histogram) => histogram.counts.reduce((total, each) => total + each, 0);

/** The mean of a histogram's values; null of none. */
export function mean(histogram) {
  const total = observed(histogram);
  return total ? histogram.sum / total : null;
}

/** What `later` has counted since `earlier`. */
export function since(later, earlier) {
  return {
    bounds: later.bounds,
    counts: later.counts.map((each, index) => each - earlier.counts[index]),
    sum: later.sum - earlier.sum,
  };
}

/** An estimate of the quantile `q`: values lie evenly in their bucket. Null of none, Infinity beyond all bounds. */
export function quantile(histogram, q) {
  let below = 0;
  const rank = q * observed(histogram);
  for (const [index, here] of histogram.counts.entries()) {
    if (here && below + here >= rank) {
      if (index === histogram.bounds.length) return Infinity;
      const low = index ? histogram.bounds[index - 1] : 0;
      return low + ((histogram.bounds[index] - low) * (rank - below)) / here;
    }
    below += here;
  }
  return null;
}

/** The same in words. */
export function quantileSpan(histogram, q) {
  const found = quantile(histogram, q);
  if (found === null) return "–";
  return found === Infinity ? `over ${span(histogram.bounds.at(-1))}` : span(found);
}
