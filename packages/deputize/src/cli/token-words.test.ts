import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signCompactJws } from "@deputize/client";
import { manualClock } from "@deputize/core";
import { decodeToken, tokenInWords } from "./token-words.ts";
import { UsageError } from "./usage-error.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const NOW = Date.UTC(2026, 10, 22);
const clock = manualClock(NOW);

function words(claims: Record<string, unknown>): string {
  const token = signCompactJws({ alg: "EdDSA", typ: "JWT", kid: "k1" }, claims, privateKey);
  return tokenInWords(decodeToken(token), clock).join("\n");
}

describe("a token in words", () => {
  it("says for whom, what, which task, until when", () => {
    const said = words({
      iss: "agentwrit",
      sub: "spiffe://a/agent/o/t/1",
      app_id: "app-shop-1a2b3c",
      scope: ["read:data:1", "write:data:2"],
      task_id: "t",
      orch_id: "o",
      exp: NOW / 1000 + 298,
      jti: "ab",
    });
    expect(said).toContain("It speaks for spiffe://a/agent/o/t/1, of app app-shop-1a2b3c.");
    expect(said).toContain("It may: read:data:1, write:data:2.");
    expect(said).toContain("Its task is t, of orchestration o.");
    expect(said).toContain("in 4m58s.");
    expect(said).toContain("whoever holds it can use it");
    expect(said).toContain("signature and revocation were NOT checked");
  });

  it("says what its calls of tools are held to", () => {
    const small = { tool: "refund_order", argument: "amount", max: 5000 };
    expect(words({ constraints: { small } })).toContain("limited: small: refund_order: amount at most 5000.");
    expect(words({})).not.toContain("limited");
  });

  it("says who acts for whom, to which key it is bound, and who handed it on", () => {
    const said = words({
      sub: "alice",
      act: { sub: "support" },
      scope: "read:orders:*",
      aud: "https://tools.example",
      exp: NOW / 1000 - 60,
      cnf: { jkt: "x" },
      delegation_chain: [{ agent: "one" }, { agent: "two" }],
    });
    expect(said).toContain("support acting for alice");
    expect(said).toContain("for https://tools.example only");
    expect(said).toContain("ran out at 2026-11-21T23:59:00.000Z, 1m ago");
    expect(said).toContain("bound to a key");
    expect(said).toContain("handed on 2 time(s), from one to two");
  });

  it("cannot redraw the operator's terminal", () => {
    expect(words({ sub: "\u001b[2Jroot\u202e", exp: 1 })).toContain("It speaks for ?[2Jroot?.");
  });

  it.each(["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x".repeat(9000)])(
    "refuses %j without quoting it",
    (text) => {
      expect(() => decodeToken(text)).toThrow(UsageError);
      if (text !== "") expect(() => decodeToken(text)).not.toThrow(text);
    },
  );
});
