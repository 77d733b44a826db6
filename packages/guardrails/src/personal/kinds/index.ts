/** Every kind of the tables, the surer ones first: where two fit one place equally well, the earlier one is named. */
import type { PersonalKind } from "../kind.ts";
import { DOCUMENTS } from "./documents.ts";
import { FINANCE } from "./finance.ts";
import { HEALTH } from "./health.ts";
import { EUROPE } from "./identity-europe.ts";
import { WORLD } from "./identity-world.ts";
import { NETWORK } from "./network.ts";
import { PEOPLE } from "./people.ts";
import { VEHICLES } from "./vehicles.ts";

export const KINDS: readonly PersonalKind[] = [
  ...FINANCE,
  ...WORLD,
  ...EUROPE,
  ...HEALTH,
  ...DOCUMENTS,
  ...NETWORK,
  ...PEOPLE,
  ...VEHICLES,
];
