/** What is unsafe, and where. */

/** What a check found, and what is known of how the project is served. */
export interface Notes {
  readonly errors: Note[];
  readonly warnings: Note[];
  readonly serving: {
    readonly production: boolean;
    readonly host: string;
    readonly publicUrl: string | undefined;
  };
}

export interface Note {
  /** Stays the same: for programs that let one through. */
  readonly id: string;
  /** Where it is: a key of the file, a variable, or a file. */
  readonly setting: string;
  /** What is unsafe, and the fix. */
  readonly says: string;
}
