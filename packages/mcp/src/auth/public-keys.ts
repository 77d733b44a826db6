/**
 * Public keys from PEM text and from JWKs (RFC 7517), refused where they are weak or not what they should be.
 *
 * Guarantees: a private key, a certificate, an RSA key below 2048 bits, one with a tiny exponent or one made by the
 * broken Infineon generator (ROCA) is refused; of a JWK also private members, symmetric keys, another `use`, and an `alg` that
 * its key cannot do. Configured keys are refused when the server starts, with the fix.
 */
import { type KeyObject, createPublicKey } from "node:crypto";
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { ASYMMETRIC, type Algorithm, type AsymmetricAlgorithm, keyFits } from "./signature.ts";

export interface VerificationKey {
  readonly key: KeyObject;
  /** A token that names a key is checked with that one only. */
  readonly kid?: string | undefined;
  readonly algorithms: readonly Algorithm[];
}

const MIN_RSA_BITS = 2048;
const MIN_RSA_EXPONENT = 65_537n;

function refuse(message: string, cause?: unknown): never {
  throw new DeputizeError("config_invalid", message, { cause });
}

/** Reads one PEM public key for these algorithms. Throws `config_invalid` with what to do instead. */
export function publicKeyFromPem(
  pem: string,
  algorithms: readonly AsymmetricAlgorithm[],
  kid?: string,
): VerificationKey {
  if (pem.includes("PRIVATE KEY"))
    refuse("this is a private key; give its public half: `openssl pkey -in key.pem -pubout`");
  if (pem.includes("BEGIN CERTIFICATE"))
    refuse("this is a certificate; take the key out: `openssl x509 -in cert.pem -pubkey -noout`");
  if (pem.split("-----BEGIN ").length > 2)
    refuse("this text holds several keys; give them one by one in `keys`");
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: "pem" });
  } catch (cause) {
    refuse("this is no PEM public key; it begins with `-----BEGIN PUBLIC KEY-----`", cause);
  }
  const weakness = weaknessOf(key);
  if (weakness) refuse(`${weakness}; make one with \`openssl genpkey -algorithm ed25519\``);
  const usable = algorithms.filter((algorithm) => keyFits(algorithm, key));
  if (usable.length === 0) refuse(`this ${describeKey(key)} key fits none of ${algorithms.join(", ")}`);
  return { key, kid, algorithms: usable };
}

const Jwk = z.looseObject({
  kty: z.enum(["RSA", "EC", "OKP"]),
  kid: z.string().min(1).max(256).optional(),
  alg: z.string().optional(),
  use: z.literal("sig").optional(),
  key_ops: z.array(z.string()).optional(),
});
const JwkSet = z.object({ keys: z.array(z.unknown()).max(100) });

/**
 * The usable signature keys of a JWK set. Members that are something else are passed over (RFC 7517 §5); two with one
 * `kid` are both refused, as nobody can say which is meant. Throws when the input is no set at all.
 */
export function readPublicJwks(
  input: unknown,
  algorithms: readonly AsymmetricAlgorithm[],
): VerificationKey[] {
  const kids = new Map<unknown, number>();
  const members = JwkSet.parse(input).keys;
  for (const member of members) {
    const kid = (member as { kid?: unknown } | null)?.kid;
    if (kid !== undefined) kids.set(kid, (kids.get(kid) ?? 0) + 1);
  }
  return members.flatMap((member) => {
    const key = publicKeyFromJwk(member, algorithms);
    return key && (key.kid === undefined || kids.get(key.kid) === 1) ? [key] : [];
  });
}

function publicKeyFromJwk(
  input: unknown,
  allowed: readonly AsymmetricAlgorithm[],
): VerificationKey | undefined {
  const read = Jwk.safeParse(input);
  if (!read.success || read.data.key_ops?.includes("verify") === false) return undefined;
  const { kid, alg, ...jwk } = read.data;
  // Its private half is there for all to read.
  if (Object.hasOwn(jwk, "d")) return undefined;
  try {
    const key = createPublicKey({ key: jwk, format: "jwk" });
    if (weaknessOf(key)) return undefined;
    const algorithms = allowed.filter((name) => (alg === undefined || alg === name) && keyFits(name, key));
    return algorithms.length > 0 ? { key, kid, algorithms } : undefined;
  } catch {
    // Not on its curve, not a number, or a type that Node does not know: a key nobody can use.
    return undefined;
  }
}

function weaknessOf(key: KeyObject): string | undefined {
  if (!ASYMMETRIC.some((algorithm) => keyFits(algorithm, key)))
    return `a ${describeKey(key)} key signs no token`;
  if (key.asymmetricKeyType !== "rsa") return undefined;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS)
    return `an RSA key of ${modulusLength} bits is too short, ${MIN_RSA_BITS} are needed`;
  if (publicExponent < MIN_RSA_EXPONENT)
    return `an RSA key with the exponent ${publicExponent} is not safe, 65537 is usual`;
  return isRoca(key) ? "this RSA key comes from a broken generator (ROCA)" : undefined;
}

function describeKey(key: KeyObject): string {
  return key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? key.type;
}

/** Modulo each of these primes a ROCA modulus is a power of 65537; a sound one is so for all of them once in 2^27. */
const ROCA_PRIMES = [
  11n,
  13n,
  17n,
  19n,
  37n,
  53n,
  61n,
  71n,
  73n,
  79n,
  97n,
  103n,
  107n,
  109n,
  127n,
  151n,
  157n,
];
let rocaResidues: readonly (readonly [bigint, ReadonlySet<bigint>])[] | undefined;

/** The fingerprint of Nemec et al., "The Return of Coppersmith's Attack" (2017). */
function isRoca(key: KeyObject): boolean {
  rocaResidues ??= ROCA_PRIMES.map((prime) => {
    const powers = new Set<bigint>();
    for (let power = 1n; !powers.has(power); power = (power * 65_537n) % prime) powers.add(power);
    return [prime, powers] as const;
  });
  const hex = Buffer.from(key.export({ format: "jwk" }).n ?? "", "base64url").toString("hex");
  const modulus = BigInt(`0x${hex}`);
  return rocaResidues.every(([prime, powers]) => powers.has(modulus % prime));
}
