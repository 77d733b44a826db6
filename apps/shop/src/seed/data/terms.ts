/** The shop's terms: tiers, warehouses, carriers, coupons, promotions and planned restocks. Money in cents. */
import type { Category } from "../../shapes.ts";
import type { Region, Tier } from "./people.ts";

export interface SeedTier {
  readonly name: Tier;
  readonly minSpend: number;
  readonly discountBp: number;
  /** 0 is always, null is never. */
  readonly freeShippingFrom: number | null;
  readonly prioritySupport: boolean;
}

export const tiers: readonly SeedTier[] = [
  { name: "bronze", minSpend: 0, discountBp: 0, freeShippingFrom: null, prioritySupport: false },
  { name: "silver", minSpend: 100_000, discountBp: 500, freeShippingFrom: 7_500, prioritySupport: false },
  { name: "gold", minSpend: 300_000, discountBp: 1_000, freeShippingFrom: 0, prioritySupport: true },
];

export interface SeedWarehouse {
  readonly code: string;
  readonly name: string;
  readonly location: string;
  readonly region: Region;
}

export const warehouses: readonly SeedWarehouse[] = [
  { code: "EAST", name: "East", location: "Richmond, VA", region: "east" },
  { code: "CENTRAL", name: "Central", location: "Dallas, TX", region: "central" },
  { code: "WEST", name: "West", location: "Portland, OR", region: "west" },
];

export const REGIONS: readonly Region[] = ["east", "central", "west"];

/** How many regions apart: 0, 1 or 2. */
export function regionSteps(from: Region, to: Region): number {
  return Math.abs(REGIONS.indexOf(from) - REGIONS.indexOf(to));
}

export interface SeedCarrier {
  readonly name: string;
  readonly speedTier: "standard" | "express" | "overnight";
  readonly baseRate: number;
  readonly stepRate: number;
  readonly days: readonly [min: number, max: number];
  readonly trackingPrefix: string;
}

export const carriers: readonly SeedCarrier[] = [
  {
    name: "Parcelway Ground",
    speedTier: "standard",
    baseRate: 599,
    stepRate: 200,
    days: [5, 7],
    trackingPrefix: "PWG",
  },
  {
    name: "Swiftline Express",
    speedTier: "express",
    baseRate: 1499,
    stepRate: 300,
    days: [2, 3],
    trackingPrefix: "SLX",
  },
  {
    name: "Nightjar Overnight",
    speedTier: "overnight",
    baseRate: 2999,
    stepRate: 500,
    days: [1, 1],
    trackingPrefix: "NJO",
  },
];

export interface SeedCoupon {
  readonly code: string;
  readonly description: string;
  readonly type: "percentage" | "fixed" | "perk";
  readonly percent?: number;
  readonly amount?: number;
  readonly minSpend?: number;
  readonly maxDiscount?: number;
  readonly usageLimit?: number;
  readonly categories?: readonly Category[];
  /** A mailbox: nobody else sees the coupon. */
  readonly onlyUser?: string;
  readonly minTier?: Tier;
  readonly firstOrderOnly?: boolean;
  /** Days from the seed day; 60 unless told. */
  readonly endsInDays?: number;
}

// prettier-ignore
export const coupons: readonly SeedCoupon[] = [
  { code: "WELCOME10", description: "10% off your first order", type: "percentage", percent: 10, maxDiscount: 5000, firstOrderOnly: true },
  { code: "NEWUSER", description: "$10 off your first order", type: "fixed", amount: 1000, minSpend: 2500, firstOrderOnly: true },
  { code: "TECHSAVE", description: "15% off electronics", type: "percentage", percent: 15, minSpend: 10000, maxDiscount: 7500, usageLimit: 200, categories: ["Electronics"] },
  { code: "BOOKWORM", description: "10% off books", type: "percentage", percent: 10, maxDiscount: 2000, usageLimit: 100, categories: ["Books"] },
  { code: "SPORTS10", description: "10% off sports", type: "percentage", percent: 10, maxDiscount: 3000, usageLimit: 150, categories: ["Sports"] },
  { code: "HOME15", description: "15% off home", type: "percentage", percent: 15, minSpend: 10000, maxDiscount: 6000, usageLimit: 100, categories: ["Home"] },
  { code: "SUMMER30", description: "30% off clothing", type: "percentage", percent: 30, minSpend: 5000, maxDiscount: 8000, categories: ["Clothing"] },
  { code: "LOYALTY20", description: "20% off for gold members", type: "percentage", percent: 20, maxDiscount: 10000, minTier: "gold" },
  { code: "ALICE15", description: "15% off, for Alice", type: "percentage", percent: 15, minSpend: 5000, maxDiscount: 4000, usageLimit: 1, onlyUser: "alice.johnson" },
  { code: "VIP50", description: "$50 off, by invitation", type: "fixed", amount: 5000, minSpend: 20000, usageLimit: 10, onlyUser: "power.demo" },
  { code: "SPRING25", description: "$25 off", type: "fixed", amount: 2500, minSpend: 15000, usageLimit: 500 },
  { code: "FLASH20", description: "$20 off", type: "fixed", amount: 2000, minSpend: 7500, usageLimit: 300 },
  { code: "BUNDLE5", description: "$5 off a bundle", type: "fixed", amount: 500, usageLimit: 1000 },
  { code: "TEAMGIFT", description: "Free gift wrap", type: "perk" },
  { code: "EXPIRED10", description: "10% off, last season", type: "percentage", percent: 10, endsInDays: -30 },
];

export interface SeedPromotion {
  readonly name: string;
  readonly type: "bundle" | "buy_x_get_y" | "flash_sale";
  readonly percent: number;
  /** Names of products that must all be bought. */
  readonly products?: readonly string[];
  readonly categories?: readonly Category[];
  readonly minItems?: number;
  readonly endsInDays: number;
}

// prettier-ignore
export const promotions: readonly SeedPromotion[] = [
  { name: "Listen and keep", type: "bundle", percent: 10, products: ["Sony WH-1000XM5", "Samsung T7 Shield SSD 2TB"], endsInDays: 45 },
  { name: "Soup season", type: "bundle", percent: 12, products: ["Instant Pot Duo Plus", "Vitamix E310"], endsInDays: 45 },
  { name: "Fresh start", type: "bundle", percent: 15, products: ["Fitbit Charge 6", "Hydro Flask 32oz", "Manduka PRO"], endsInDays: 45 },
  { name: "Two for the shelf", type: "buy_x_get_y", percent: 10, categories: ["Books"], minItems: 2, endsInDays: 60 },
  { name: "Seven days outside", type: "flash_sale", percent: 15, categories: ["Clothing", "Sports"], endsInDays: 7 },
];

export interface SeedRestock {
  readonly product: string;
  readonly region: Region;
  readonly quantity: number;
  readonly inDays: number;
}

export const restocks: readonly SeedRestock[] = [
  { product: "Dyson V15 Detect", region: "east", quantity: 50, inDays: 15 },
  { product: "Dyson V15 Detect", region: "central", quantity: 30, inDays: 15 },
  { product: "Dyson V15 Detect", region: "west", quantity: 40, inDays: 15 },
  { product: "Sony WH-1000XM5", region: "west", quantity: 100, inDays: 7 },
  { product: "AirPods Max", region: "east", quantity: 60, inDays: 10 },
  { product: "Apple Watch Series 10", region: "central", quantity: 80, inDays: 12 },
  { product: "North Face Thermoball Eco Jacket", region: "west", quantity: 70, inDays: 9 },
  { product: "Roomba j9+", region: "central", quantity: 25, inDays: 20 },
  { product: "Garmin Forerunner 265", region: "east", quantity: 45, inDays: 14 },
  { product: "The Quiet Database", region: "west", quantity: 120, inDays: 5 },
];
