/**
 * A small real log for tests: Merkle tree (RFC 6962), Ed25519 notes (C2SP), receipts with openings. Written apart
 * from @deputize/audit, so that the page's checks meet a second implementation.
 */
import { canonical } from "@deputize/audit/verify";
import type { CheckpointUpdate, Receipt, ReceiptSummary } from "@deputize/audit/verify";

type Bytes = Uint8Array<ArrayBuffer>;
const utf8 = (text: string): Bytes => new Uint8Array(new TextEncoder().encode(text));
const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const base64 = (bytes: Uint8Array): string => btoa(String.fromCodePoint(...bytes));

function join(...parts: Uint8Array[]): Bytes {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** The largest power of two below n. */
const split = (n: number): number => 2 ** Math.floor(Math.log2(n - 1));

async function root(leaves: readonly Bytes[]): Promise<Bytes> {
  const [only] = leaves;
  if (only === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return only;
  const k = split(leaves.length);
  return sha256(join(Uint8Array.of(1), await root(leaves.slice(0, k)), await root(leaves.slice(k))));
}

async function inclusion(index: number, leaves: readonly Bytes[]): Promise<Bytes[]> {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...(await inclusion(index, leaves.slice(0, k))), await root(leaves.slice(k))]
    : [...(await inclusion(index - k, leaves.slice(k))), await root(leaves.slice(0, k))];
}

async function consistency(old: number, leaves: readonly Bytes[], whole = true): Promise<Bytes[]> {
  if (old === leaves.length) return whole ? [] : [await root(leaves)];
  const k = split(leaves.length);
  return old <= k
    ? [...(await consistency(old, leaves.slice(0, k), whole)), await root(leaves.slice(k))]
    : [...(await consistency(old - k, leaves.slice(k), false)), await root(leaves.slice(0, k))];
}

export interface SignedLog {
  add(entry: LogEntry): Promise<void>;
  receipt(entryId: string): Promise<Receipt | undefined>;
  checkpoint(oldSize?: number): Promise<CheckpointUpdate>;
  /** Another history under the same key: what a rolled-back or forked log looks like. */
  fork(size: number): SignedLog;
}

export interface LogEntry {
  id: string;
  summary: ReceiptSummary;
}

interface Stored extends LogEntry {
  leaf: string;
  openings: NonNullable<Receipt["openings"]>;
}

async function open(field: "who" | "why", value: unknown) {
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const commitment = hex(await sha256(join(salt, utf8(`${field}\0${canonical(value)}`))));
  return { opening: { salt: hex(salt), value }, commitment };
}

export async function signedLog(origin = "localhost/test"): Promise<SignedLog> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("no key pair");
  const key = join(Uint8Array.of(1), new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  const keyId = (await sha256(join(utf8(`${origin}\n`), key))).slice(0, 4);
  const publicKey = `${origin}+${hex(keyId)}+${base64(key)}`;

  async function note(text: string): Promise<string> {
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, utf8(text)));
    return `${text}\n— ${origin} ${base64(join(keyId, signature))}\n`;
  }

  function over(entries: Stored[]): SignedLog {
    const hashes = () =>
      Promise.all(entries.map((entry) => sha256(join(Uint8Array.of(0), utf8(entry.leaf)))));
    const sign = async (leaves: Bytes[]) =>
      note(`${origin}\n${leaves.length}\n${base64(await root(leaves))}\n`);
    return {
      async add({ id, summary }) {
        const who = await open("who", {
          subject: summary.asked?.id,
          actors: summary.agents.map((agent) => agent.id),
        });
        const why = await open("why", {
          ...(summary.grant && { grant: summary.grant.id }),
          ...(summary.case && { case: summary.case }),
        });
        const leaf = canonical({
          v: 1,
          seq: entries.length,
          id,
          at: summary.at,
          action: summary.action,
          outcome: summary.outcome,
          ...(summary.reason !== undefined && { reason: summary.reason }),
          commitments: { who: who.commitment, why: why.commitment },
        });
        entries.push({ id, summary, leaf, openings: { who: who.opening, why: why.opening } });
      },
      async receipt(entryId) {
        const index = entries.findIndex((entry) => entry.id === entryId);
        const entry = entries[index];
        if (entry === undefined) return undefined;
        const leaves = await hashes();
        return {
          status: "logged",
          entry_id: entryId,
          index,
          size: leaves.length,
          leaf: entry.leaf,
          proof: (await inclusion(index, leaves)).map(hex),
          checkpoint: await sign(leaves),
          public_key: publicKey,
          openings: entry.openings,
          summary: entry.summary,
        };
      },
      async checkpoint(oldSize) {
        const leaves = await hashes();
        const known = oldSize !== undefined && oldSize > 0 && oldSize <= leaves.length;
        return {
          checkpoint: await sign(leaves),
          public_key: publicKey,
          ...(known && { consistency: (await consistency(oldSize, leaves)).map(hex) }),
        };
      },
      fork: (size) => over(entries.slice(0, size)),
    };
  }
  return over([]);
}
