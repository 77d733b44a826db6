/**
 * Passwords: argon2id (RFC 9106) at the OWASP minimum of 19 MiB, two passes, one lane.
 *
 * Guarantees: the parameters travel in the stored PHC string, so that they can be raised and old hashes are
 * remade at the next sign-in; checking an account that does not exist costs one whole verification of a
 * dummy hash with the same parameters, so that the work does not tell accounts apart.
 * Does not: throttle; `throttle/` does that before any hash is computed.
 * Attack answered: finding accounts by timing [SH-D06], guessing offline from a stolen table.
 */
import { hash, parseOptions, verify } from "@node-rs/argon2";
import { randomHex } from "@deputize/core";

/** `algorithm: 2` is argon2id; the package exports it as a const enum, which type stripping cannot import. */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

export interface PasswordHasher {
  /** Hashes a password for storage. */
  hash(password: string): Promise<string>;
  /**
   * Checks a password against a stored hash, or, when there is none, against the dummy: the same work, and
   * always false. `rehash` is set when the password was right and its hash is weaker than today's.
   */
  check(password: string, stored: string | undefined): Promise<{ ok: boolean; rehash?: string }>;
}

/** Unicode has several spellings of one password; NIST SP 800-63B §3.1.1.2 asks to fold them first. */
function normalized(password: string): string {
  return password.normalize("NFKC");
}

function isOutdated(stored: string): boolean {
  const found = parseOptions(stored);
  return (
    Number(found.algorithm) !== PARAMETERS.algorithm ||
    found.memoryCost < PARAMETERS.memoryCost ||
    found.timeCost < PARAMETERS.timeCost ||
    found.outputLen < PARAMETERS.outputLen
  );
}

/** The two operations underneath, replaceable so that a test can count the work done. */
export interface Argon2 {
  hash(password: string): Promise<string>;
  verify(stored: string, password: string): Promise<boolean>;
}

const argon2: Argon2 = {
  hash: (password) => hash(password, PARAMETERS),
  verify: (stored, password) => verify(stored, password),
};

export function createPasswordHasher(engine: Argon2 = argon2): PasswordHasher {
  // Made before the first request needs it, of a password that nobody knows.
  const dummy = engine.hash(randomHex());
  dummy.catch(() => undefined); // reported by the await below, not as an unhandled rejection

  return {
    hash: (password) => engine.hash(normalized(password)),
    async check(password, stored) {
      const matches = await engine.verify(stored ?? (await dummy), normalized(password));
      if (stored === undefined || !matches) return { ok: false };
      return isOutdated(stored)
        ? { ok: true, rehash: await engine.hash(normalized(password)) }
        : { ok: true };
    },
  };
}
