/** Rows of settings in which every two settings of two different factors come together at least once, for tests of features. */

/** The settings of each factor. */
export type Factors = Readonly<Record<string, readonly string[]>>;
/** One setting of each factor. */
export type Row<F extends Factors> = { readonly [K in keyof F]: F[K][number] };

interface Pair {
  readonly first: string;
  readonly a: string;
  readonly second: string;
  readonly b: string;
}

/** Every two settings of two factors. */
export function pairsOf(factors: Factors): Pair[] {
  const names = Object.keys(factors);
  return names.flatMap((first, n) =>
    names
      .slice(n + 1)
      .flatMap((second) =>
        (factors[first] ?? []).flatMap((a) => (factors[second] ?? []).map((b) => ({ first, a, second, b }))),
      ),
  );
}

/**
 * Rows that cover every pair, few of them, and the same each time: each row begins with a pair that no row has yet, and takes
 * for each further factor the setting that adds most pairs to those it has.
 */
export function allPairs<const F extends Factors>(factors: F): Row<F>[] {
  let open = pairsOf(factors);
  const rows: Row<F>[] = [];
  for (let seed = open[0]; seed; seed = open[0]) {
    const row: Record<string, string> = { [seed.first]: seed.a, [seed.second]: seed.b };
    for (const [name, settings] of Object.entries<readonly string[]>(factors)) {
      row[name] ??= settings
        .map((setting) => ({ setting, gain: open.filter((pair) => joins(pair, row, name, setting)).length }))
        .reduce((best, one) => (one.gain > best.gain ? one : best)).setting;
    }
    rows.push(row as Row<F>);
    open = open.filter(({ first, a, second, b }) => row[first] !== a || row[second] !== b);
  }
  return rows;
}

/** Whether the pair would be covered by this setting and one that the row has. */
function joins(
  { first, a, second, b }: Pair,
  row: Record<string, string>,
  name: string,
  setting: string,
): boolean {
  return (
    (first === name && a === setting && row[second] === b) ||
    (second === name && b === setting && row[first] === a)
  );
}
