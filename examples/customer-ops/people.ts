/** Who there is in the example: two companies, their customers and their colleagues. */
import { type PrincipalId, stableId } from "deputize/core";

export interface DeskPerson {
  readonly email: string;
  readonly name: string;
  readonly tenant: string;
  /** What a colleague may do; customers have none. */
  readonly roles: readonly ("support" | "analyst" | "admin" | "ops")[];
  readonly handle?: string;
}

const customer = (email: string, name: string, tenant = "default"): DeskPerson => ({
  email,
  name,
  tenant,
  roles: [],
});
const colleague = (handle: string, name: string, ...roles: DeskPerson["roles"]): DeskPerson => ({
  email: `${handle}@acme.example`,
  name,
  tenant: "default",
  roles,
  handle,
});

export const PEOPLE = {
  ann: customer("ann@mail.example", "Ann Archer"),
  ben: customer("ben@mail.example", "Ben Baker"),
  cleo: customer("cleo@mail.example", "Cleo Carter"),
  dora: customer("dora@mail.example", "Dora Dyer"),
  sam: colleague("sam", "Sam Stone", "support"),
  tess: colleague("tess", "Tess Turner", "support"),
  lin: colleague("lin", "Lin Lake", "analyst"),
  ada: colleague("ada", "Ada Ames", "admin", "support"),
  omar: colleague("omar", "Omar Oak", "admin", "ops"),
  max: colleague("max", "Max Moor", "support", "analyst", "admin", "ops"),
  gus: customer("gus@mail.example", "Gus Gray", "globex"),
  gina: customer("gina@mail.example", "Gina Gale", "globex"),
  greta: {
    email: "greta@globex.example",
    name: "Greta Gold",
    tenant: "globex",
    roles: ["support"],
    handle: "greta",
  },
} as const satisfies Record<string, DeskPerson>;
export type PersonName = keyof typeof PEOPLE;

export const idOf = (name: PersonName): PrincipalId => stableId(`user:${PEOPLE[name].email}`) as PrincipalId;
