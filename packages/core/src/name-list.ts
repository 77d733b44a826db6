/**
 * Names that a process was configured with (agents, models, offered tools) as values of a metric's label.
 *
 * Guarantees: so many at most, and in a form that no address, sentence or person's name with a space has; whatever else is said
 * is counted as `other` [AW-D27].
 */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$/;

export class NameList {
  readonly #names = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Lets `name` be a value, while there is room. */
  add(name: string): void {
    if (this.#names.size < this.#max && NAME.test(name)) this.#names.add(name);
  }

  includes(name: string): boolean {
    return this.#names.has(name);
  }
}

/** Process-wide, as the instruments are. */
export const AGENT_NAMES = new NameList(50);
export const MODEL_NAMES = new NameList(50);
export const TOOL_NAMES = new NameList(200);
