/**
 * Reads a JSON file of the form `{ "section": { "key": record, … }, … }` one record at a time.
 *
 * Guarantees: no more than one record and one chunk is held, however large the file is; what is no JSON of this form is
 * refused with the place after which it went wrong.
 */
import { DeputizeError } from "@deputize/core";

export interface JsonRecord {
  readonly section: string;
  readonly key: string;
  readonly value: unknown;
}

/** Yields the records in the order of the text. Throws `validation_failed`. */
export async function* jsonRecords(chunks: AsyncIterable<string>): AsyncGenerator<JsonRecord> {
  const splitter = new RecordSplitter();
  for await (const chunk of chunks) yield* splitter.feed(chunk);
  splitter.end();
}

/** Follows strings and brackets; all else is left to `JSON.parse`, one member of a section at a time. */
class RecordSplitter {
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** What came since the last boundary. */
  #text = "";
  #section: string | undefined;
  /** Sections and records that were complete, for the message. */
  #last = "the beginning";
  #begun = false;
  #comma = false;

  feed(chunk: string): JsonRecord[] {
    const found: JsonRecord[] = [];
    let from = 0;
    const take = (to: number): string => {
      const text = this.#text + chunk.slice(from, to);
      this.#text = "";
      from = to + 1;
      return text;
    };
    for (let i = 0; i < chunk.length; i += 1) {
      const letter = chunk[i];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (letter === "\\") this.#escaped = true;
        else if (letter === '"') this.#inString = false;
        continue;
      }
      if (letter === '"') this.#inString = true;
      else if (letter === "{" || letter === "[") {
        this.#depth += 1;
        if (this.#depth === 1) this.#open(letter, take(i));
        else if (this.#depth === 2) this.#openSection(letter, take(i));
      } else if (letter === "}" || letter === "]") {
        if (this.#depth === 2) this.#member(take(i), found, true);
        else if (this.#depth === 1 && (letter === "]" || this.#comma || take(i).trim() !== "")) this.#fail();
        this.#depth -= 1;
        if (this.#depth === 1) this.#comma = false;
        if (this.#depth < 0) this.#fail();
      } else if (letter === "," && this.#depth <= 2) {
        if (this.#depth === 2) this.#member(take(i), found, false);
        else if (this.#depth === 0 || this.#section === undefined || this.#comma || take(i).trim() !== "")
          this.#fail();
        this.#comma = true;
      }
    }
    this.#text += chunk.slice(from);
    return found;
  }

  end(): void {
    if (!this.#begun || this.#depth !== 0 || this.#inString || this.#text.trim() !== "") this.#fail();
  }

  #open(letter: string, before: string): void {
    if (letter !== "{" || this.#begun || before.replace("\uFEFF", "").trim() !== "") this.#fail();
    this.#begun = true;
  }

  #openSection(letter: string, name: string): void {
    const [section] = letter === "{" ? this.#parse(`${name}null`) : this.#fail();
    if (!section) this.#fail();
    this.#section = section[0];
    this.#last = `\`${section[0]}\``;
    this.#comma = false;
  }

  #member(text: string, found: JsonRecord[], last: boolean): void {
    if (text.trim() === "") {
      if (last && !this.#comma) return; // An empty section.
      this.#fail();
    }
    const [member] = this.#parse(text);
    if (!member || this.#section === undefined) this.#fail();
    const [key, value] = member;
    this.#last = `\`${this.#section}\`, record \`${key}\``;
    found.push({ section: this.#section, key, value });
    this.#comma = false;
  }

  #parse(member: string): [string, unknown][] {
    try {
      return Object.entries(JSON.parse(`{${member}}`) as object);
    } catch {
      return this.#fail();
    }
  }

  #fail(): never {
    throw new DeputizeError(
      "validation_failed",
      `this is no JSON of products, users and orders; it goes wrong after ${this.#last}`,
    );
  }
}
