/**
 * The twenty people of the demo: who they are, what the shop knows of them, and which agents may act for them.
 * Identity itself (password, role) is handed to the authority; the shop keeps tier and orders only.
 */
import { stableId } from "@deputize/core";
import type { Address } from "../../shapes.ts";

export type Role = "customer" | "power_user" | "seller" | "admin";
export type Tier = "bronze" | "silver" | "gold";
export type Region = "east" | "central" | "west";

export interface SeedPerson {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  /** Loaded only where demo accounts are allowed. */
  readonly demoPassword: string;
  readonly tier: Tier;
  /** How many of the 200 orders are theirs. */
  readonly orders: number;
  readonly address: Address;
  readonly region: Region;
}

const PASSWORDS: Readonly<Record<Role, string>> = {
  customer: "customer123",
  power_user: "power123",
  seller: "seller123",
  admin: "admin123",
};

function person(
  mailbox: string,
  name: string,
  role: Role,
  tier: Tier,
  orders: number,
  region: Region,
  [street, city, state, zip]: readonly [string, string, string, string],
): SeedPerson {
  const email = `${mailbox}@gmail.com`;
  return {
    id: stableId(`user:${email}`),
    email,
    name,
    role,
    demoPassword: PASSWORDS[role],
    tier,
    orders,
    region,
    address: { name, street, city, state, zip, country: "US" },
  };
}

// prettier-ignore
export const people: readonly SeedPerson[] = [
  person("admin.demo", "Admin Demo", "admin", "gold", 4, "east", ["1 Market Square", "Richmond", "VA", "23219"]),
  person("power.demo", "Power Demo", "power_user", "gold", 20, "west", ["88 Alder Street", "Portland", "OR", "97205"]),
  person("power2.demo", "Power Demo Two", "power_user", "silver", 13, "central", ["410 Elm Street", "Dallas", "TX", "75202"]),
  person("seller.demo", "Acme Store", "seller", "bronze", 0, "east", ["700 Commerce Road", "Richmond", "VA", "23224"]),
  person("seller2.demo", "TechMart", "seller", "bronze", 0, "west", ["2400 NW Front Avenue", "Portland", "OR", "97209"]),
  person("alice.johnson", "Alice Johnson", "customer", "gold", 24, "east", ["42 Maple Avenue", "Boston", "MA", "02116"]),
  person("bob.smith", "Bob Smith", "customer", "silver", 13, "central", ["1809 Lakeview Drive", "Chicago", "IL", "60614"]),
  person("carol.davis", "Carol Davis", "customer", "silver", 13, "west", ["55 Hillside Terrace", "Seattle", "WA", "98109"]),
  person("dave.wilson", "Dave Wilson", "customer", "bronze", 7, "central", ["230 Rio Grande Street", "Austin", "TX", "78701"]),
  person("emma.brown", "Emma Brown", "customer", "bronze", 7, "east", ["19 Peachtree Lane", "Atlanta", "GA", "30309"]),
  person("frank.miller", "Frank Miller", "customer", "bronze", 7, "central", ["604 Cedar Street", "Minneapolis", "MN", "55403"]),
  person("grace.lee", "Grace Lee", "customer", "bronze", 7, "west", ["1200 Valencia Street", "San Francisco", "CA", "94110"]),
  person("henry.taylor", "Henry Taylor", "customer", "gold", 24, "west", ["7 Juniper Court", "Denver", "CO", "80202"]),
  person("iris.chen", "Iris Chen", "customer", "silver", 13, "east", ["310 Riverside Drive", "New York", "NY", "10025"]),
  person("jack.anderson", "Jack Anderson", "customer", "bronze", 7, "central", ["91 Walnut Street", "Kansas City", "MO", "64106"]),
  person("kate.martinez", "Kate Martinez", "customer", "bronze", 7, "west", ["2716 Mesa Road", "Phoenix", "AZ", "85004"]),
  person("leo.garcia", "Leo Garcia", "customer", "bronze", 7, "east", ["480 Ocean Drive", "Miami", "FL", "33139"]),
  person("mia.robinson", "Mia Robinson", "customer", "bronze", 7, "central", ["33 Magazine Street", "New Orleans", "LA", "70130"]),
  person("noah.thomas", "Noah Thomas", "customer", "bronze", 7, "west", ["905 Bannock Street", "Boise", "ID", "83702"]),
  person("olivia.white", "Olivia White", "customer", "silver", 13, "east", ["12 Spruce Street", "Philadelphia", "PA", "19106"]),
];

/** The seeded person with this mailbox, such as `alice.johnson`. */
export function personNamed(mailbox: string): SeedPerson {
  const found = people.find((p) => p.email === `${mailbox}@gmail.com`);
  if (!found) throw new RangeError(`nobody is called ${mailbox}`);
  return found;
}

/** `Alice Johnson` → `Alice J.`, as a review is signed. */
export function displayName(name: string): string {
  const [first = name, last] = name.split(" ");
  return last ? `${first} ${last[0]}.` : first;
}

const CORE_AGENTS = ["customer-support", "order-management", "product-discovery"] as const;
const SELLER_AGENTS = [...CORE_AGENTS, "review-sentiment", "inventory-fulfillment"] as const;
const ALL_AGENTS = [...SELLER_AGENTS, "pricing-promotions"] as const;

/** Which agents may act for a person: 92 permissions in all. Only agents that exist can be permitted. */
export function permittedAgents(one: SeedPerson): readonly string[] {
  if (one.role === "admin" || one.role === "power_user") return ALL_AGENTS;
  if (one.role === "seller") return SELLER_AGENTS;
  if (one.email.startsWith("alice.") || one.email.startsWith("bob.")) return ALL_AGENTS;
  return [...CORE_AGENTS, "pricing-promotions"];
}
