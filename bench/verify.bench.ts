/** A token seen for the first time against the bare signature check, and a token seen before. */
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { createVerifier, parseCompactJws } from "@deputize/client";
import { manualClock, systemClock } from "@deputize/core";
import { AUDIENCE, ISSUER, fakeAuthority } from "../packages/client/src/testing/fake-authority.ts";
import { measure, report } from "./harness.ts";

export async function run(): Promise<void> {
  const authority = fakeAuthority(manualClock(systemClock.nowMs()));
  const verifier = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: authority.fetch });
  const key = createPublicKey(authority.key.privateKey);
  const fresh = Array.from({ length: 30_000 }, () =>
    authority.sign(authority.claims({ jti: randomBytes(16).toString("hex") })),
  );
  const parsed = fresh.slice(0, 1000).map(parseCompactJws);
  const seen = authority.sign();
  let next = 0;
  let turn = 0;
  try {
    // In batches, so that what is measured is the work and not the harness's own clock.
    const measured = await measure(
      [
        {
          name: "bare crypto.verify, 20 tokens",
          run: async () => {
            for (let i = 0; i < 20; i += 1) {
              const jws = parsed[(turn += 1) % parsed.length];
              if (jws) verify(null, Buffer.from(jws.signingInput), key, jws.signature);
            }
          },
        },
        {
          name: "verify, 20 tokens first seen",
          run: async () => {
            for (let i = 0; i < 20; i += 1) {
              // The cache holds fewer than there are tokens, so that a second round meets none of the first.
              const token = fresh[(next += 1) % fresh.length];
              if (token) await verifier.verify(token, { audience: AUDIENCE });
            }
          },
        },
        {
          name: "verify, 20 tokens seen before",
          run: async () => {
            for (let i = 0; i < 20; i += 1) await verifier.verify(seen, { audience: AUDIENCE });
          },
        },
      ],
      { inFlight: 1 },
    );
    report("verifying a token (budget: first seen ×0.80 of the bare check)", measured);
  } finally {
    await verifier.close();
  }
}
