import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { openNote, parseNote, parseVerifierKey } from "./note.ts";
import { noteSigner, witness } from "./signer.ts";
import { EMPTY_ROOT } from "./tree.ts";

const newKey = () =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** Made by another implementation (the Elixir package signed_note). */
const OTHERS_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const OTHERS_NOTE =
  "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

async function key(text: string) {
  const parsed = await parseVerifierKey(text);
  if (!parsed) throw new Error("verifier key did not parse");
  return parsed;
}

describe("verifier keys", () => {
  it.each([
    ["a hash of another name", (k: string) => k.replace("log.example", "log.exampl2")],
    ["a changed hash", (k: string) => k.replace(/\+[0-9a-f]{8}\+/, "+00000000+")],
    ["a missing part", (k: string) => k.split("+").slice(0, 2).join("+")],
    ["unpadded base64", (k: string) => `${k}=`],
    ["nothing", () => ""],
  ])("are refused with %s", async (_, change) => {
    const good = noteSigner("log.example/a", newKey()).verifierKey;
    expect(await parseVerifierKey(good)).toBeDefined();
    expect(await parseVerifierKey(change(good))).toBeUndefined();
  });

  it("come from Ed25519 keys only, as PEM or JWK", () => {
    const pair = generateKeyPairSync("ed25519");
    const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const jwk = JSON.stringify(pair.privateKey.export({ format: "jwk" }));
    expect(noteSigner("log", pem).verifierKey).toBe(noteSigner("log", jwk).verifierKey);
    const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const wrong = p256.export({ type: "pkcs8", format: "pem" }).toString();
    for (const bad of [wrong, "", "{}", JSON.stringify(pair.publicKey.export({ format: "jwk" }))]) {
      expect(() => noteSigner("log", bad)).toThrow(expect.objectContaining({ code: "config_invalid" }));
    }
    expect(() => noteSigner("two words", pem)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});

describe("signed notes", () => {
  const signer = noteSigner("log.example/a", newKey());
  const text = formatCheckpoint("log.example/a", 7, EMPTY_ROOT);
  const note = signer.sign(text);

  it("open with their own key and no other", async () => {
    expect(await openNote(note, await key(signer.verifierKey))).toBe(text);
    expect(
      await openNote(note, await key(noteSigner("log.example/a", newKey()).verifierKey)),
    ).toBeUndefined();
    expect(await openNote(note, await key(noteSigner("other", newKey()).verifierKey))).toBeUndefined();
  });

  it.each([
    ["a changed size", note.replace("\n7\n", "\n8\n")],
    ["a changed origin", note.replace("log.example/a\n", "log.example/b\n")],
    ["an extra line", note.replace("\n\n", "\nmore\n\n")],
    ["no signature", `${text}\n`],
    ["no blank line", note.replace("\n\n", "\n")],
    ["the same signature twice", note + note.slice(note.indexOf("— "))],
    ["a carriage return", note.replace("\n", "\r\n")],
    ["a missing last newline", note.slice(0, -1)],
    ["too much text", "x".repeat(20_000) + note],
    ["nothing", ""],
  ])("are refused with %s", async (_, changed) => {
    expect(await openNote(changed, await key(signer.verifierKey))).toBeUndefined();
  });

  it("open when another implementation signed them", async () => {
    const others = await key(OTHERS_KEY);
    expect(await openNote(OTHERS_NOTE, others)).toBe("This is an example message.\n");
    expect(await openNote(OTHERS_NOTE.replace("an example", "no example"), others)).toBeUndefined();
  });

  it("take a second key's line, and both still open", async () => {
    const second = witness("witness.example", newKey());
    const cosigned = second.cosign(note, 1_790_000_000);
    expect(await openNote(cosigned, await key(signer.verifierKey))).toBe(text);
    expect(await openNote(cosigned, await key(second.verifierKey))).toBe(text);
    expect(await openNote(note, await key(second.verifierKey))).toBeUndefined();
    expect(parseNote(cosigned)?.signatures).toHaveLength(2);
  });

  it("refuse a cosignature whose time was changed", async () => {
    const second = witness("witness.example", newKey());
    const lines = second.cosign(note, 1_790_000_000).split("\n");
    const [dash, name, encoded = ""] = (lines.at(-2) ?? "").split(" ");
    const bytes = Buffer.from(encoded, "base64");
    bytes[11] = (bytes[11] ?? 0) ^ 1;
    lines[lines.length - 2] = `${dash} ${name} ${bytes.toString("base64")}`;
    expect(await openNote(lines.join("\n"), await key(second.verifierKey))).toBeUndefined();
  });
});

describe("checkpoints", () => {
  it("open only for the log that the key names", async () => {
    const signer = noteSigner("log.example/a", newKey());
    const own = signer.sign(formatCheckpoint("log.example/a", 7, EMPTY_ROOT));
    const others = signer.sign(formatCheckpoint("log.example/b", 7, EMPTY_ROOT));
    expect((await openCheckpoint(own, await key(signer.verifierKey)))?.size).toBe(7);
    expect(await openCheckpoint(others, await key(signer.verifierKey))).toBeUndefined();
  });

  it.each([
    "",
    "a\n",
    "a\n01\n",
    "a\n-1\n",
    "a\n1e3\n",
    "a\n7\nshort\n",
    `a\n9007199254740993\n${EMPTY_ROOT.toString("base64")}\n`,
  ])("refuse malformed text %j", (text) => {
    expect(parseCheckpoint(text)).toBeUndefined();
  });
});
