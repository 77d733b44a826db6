/**
 * `GET /api/profile`: the caller's own profile, identity from the authority, tier and spend from the shop.
 */
import { requireCaller } from "@deputize/core";
import type { Store } from "@deputize/store";
import { Hono } from "hono";
import { type PeopleDirectory, profileOf, readCustomer } from "../domain/profile.ts";

export interface ProfileRoutesDeps {
  readonly store: Store;
  readonly people: PeopleDirectory;
}

/** Mount at `/api/profile`, behind authentication. */
export function profileRoutes({ store, people }: ProfileRoutesDeps): Hono {
  return new Hono().get("/", async (c) => {
    const caller = requireCaller();
    const customer = await store.asCaller(caller, (tx) => readCustomer(tx, caller));
    return c.json(await profileOf(people, caller, customer));
  });
}
