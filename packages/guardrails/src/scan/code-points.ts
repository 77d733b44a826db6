/** Places in a text counted in code points, as Python counts them, from places in UTF-16 units. */

/** A function that translates places of one text. */
export function codePoints(text: string): (place: number) => number {
  const pairs: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) ?? 0;
    if (code > 0xffff) pairs.push(at++);
  }
  if (pairs.length === 0) return (place) => place;
  return (place) => {
    let [low, high] = [0, pairs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[middle] ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return place - low;
  };
}
