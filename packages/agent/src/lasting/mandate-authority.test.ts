/** An agent's tokens under a mandate, from the real authority over its own HTTP. */
import { DeputizeClient, createVerifier } from "@deputize/client";
import { type PrincipalId, isDeputizeError, newId, randomHex } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type TestAuthority,
  type Visitor,
  idOf,
  openTestAuthority,
} from "../../../authority/src/testing/test-authority.ts";
import { AUDIENCE, ISSUER, WHO } from "../../../authority/src/testing/test-core.ts";
import { type LastingAuthority, mandateAuthority } from "./mandate-authority.ts";

let world: TestAuthority;
let page: Visitor;
let authority: LastingAuthority;
let others: LastingAuthority;
const closers: (() => Promise<void>)[] = [];
/** What was asked of the token endpoint. */
const asked: string[] = [];

beforeAll(async () => {
  world = await openTestAuthority();
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    if (request.url.endsWith("/oauth/token")) asked.push(await request.clone().text());
    return world.app.fetch(request);
  };
  const verifier = await createVerifier({
    issuer: ISSUER,
    authorityUrl: ISSUER,
    fetch: send,
    clock: world.clock,
  });
  closers.push(() => verifier.close());
  const of = (secret: string): LastingAuthority => {
    const client = new DeputizeClient({
      authorityUrl: ISSUER,
      credential: { clientId: "", secret },
      fetch: send,
      clock: world.clock,
    });
    return mandateAuthority({
      underMandate: (request) => client.underMandate(request),
      verify: (token) => verifier.verify(token, { audience: AUDIENCE.orderTools }),
      approvals: world.approvals,
      clock: world.clock,
    });
  };
  authority = of(await keyOf("order-management"));
  others = of(await keyOf("customer-support"));
  page = await world.signIn("alice");
});
afterAll(async () => {
  for (const close of closers) await close();
  await world?.close();
});

const keyOf = async (name: string): Promise<string> =>
  (await world.agents.ensureBuiltIn(name, randomHex(32))).apiKey;

async function mandate(): Promise<string> {
  const { status, body } = await page.send("POST", "/api/mandates", {
    agent: WHO.orders,
    purpose: "Look after my orders",
    tools: ["orders/cancel_order"],
    audiences: [AUDIENCE.orderTools],
    scopes: ["read:orders:*"],
    expires: new Date(world.clock.nowMs() + 86_400_000).toISOString(),
  });
  expect(status).toBe(201);
  return String(body["id"]);
}

describe("mandateAuthority [SR-14]", () => {
  it("gives the person's authority to their agent, under the mandate and for its servers only", async () => {
    const id = await mandate();
    const { caller, authority: hops } = await authority.open(id);
    expect(caller).toMatchObject({
      subject: idOf("alice") as PrincipalId,
      actors: [WHO.orders],
      scopes: ["read:orders:*"],
    });
    expect(caller.grants[0]).toBe(id);

    const token = await hops.tokenFor(AUDIENCE.orderTools);
    const before = asked.length;
    expect(await hops.tokenFor(AUDIENCE.orderTools)).toBe(token);
    expect(asked).toHaveLength(before); // kept while it lasts
    expect(await hops.tokenFor(AUDIENCE.orderTools, { fresh: true })).not.toBe(token);
    world.clock.advance(3_600_000);
    expect(await hops.tokenFor(AUDIENCE.orderTools)).not.toBe(token);
    await expect(hops.tokenFor(AUDIENCE.productTools)).rejects.toMatchObject({ code: "forbidden" });
    for (const sent of asked) expect(new URLSearchParams(sent).get("mandate_id")).toBe(id);
  });

  it("gives nothing to another agent, nor for a mandate that never was", async () => {
    const id = await mandate();
    for (const [who, of] of [
      [others, id],
      [authority, newId()],
    ] as const) {
      await expect(who.open(of)).rejects.toSatisfy(
        (error) => isDeputizeError(error) && error.status < 500 && error.code !== "conflict",
      );
    }
  });

  it("ends at once with the mandate, for a caller that was opened before too", async () => {
    const id = await mandate();
    const { authority: hops } = await authority.open(id);
    await hops.tokenFor(AUDIENCE.orderTools);
    await page.send("POST", `/api/mandates/${id}/stop`);
    await expect(hops.tokenFor(AUDIENCE.orderTools, { fresh: true })).rejects.toMatchObject({
      code: "grant_revoked",
    });
    await expect(authority.open(id)).rejects.toMatchObject({ code: "grant_revoked" });
  });
});
