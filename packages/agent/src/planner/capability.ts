/**
 * What a tool can do, read from its name and schema, and what a clause needs done. No list of known tools: a
 * shop with other names and the same words works as well.
 */
import type { LanguageModelV4FunctionTool } from "@ai-sdk/provider";
import { IDENTITY, type ToolView } from "./arguments.ts";
import { REFERENCE, type Topic } from "./intent.ts";

export type Capability = "cancel" | "track" | "order" | "orders" | "profile" | "product" | "products";

/** Reads an offered tool. */
export function viewTool(tool: LanguageModelV4FunctionTool): ToolView {
  const { properties = {}, required = [] } = tool.inputSchema;
  return {
    name: tool.name,
    description: tool.description ?? "",
    properties: Object.fromEntries(
      Object.entries(properties).flatMap(([name, schema]) =>
        typeof schema === "object" ? [[name, schema]] : [],
      ),
    ),
    // What has a default need not be given, whatever the schema's generator thinks.
    required: required.filter((name: string) => {
      const schema = properties[name];
      return typeof schema !== "object" || schema.default === undefined;
    }),
  };
}

const words = (tool: ToolView): Set<string> => new Set(tool.name.toLowerCase().split(/[^a-z]+/));

/** A tool that demands a person is for staff; no capability of one's own data is found in it. */
export const namesPerson = (tool: ToolView): boolean => tool.required.some((name) => IDENTITY.test(name));

const FITS: Readonly<Record<Capability, (name: Set<string>, tool: ToolView) => boolean>> = {
  cancel: (name) => name.has("cancel"),
  track: (name) => name.has("tracking") || name.has("track") || name.has("shipment"),
  order: (name, tool) =>
    name.has("order") &&
    !name.has("cancel") &&
    !name.has("tracking") &&
    tool.required.length === 1 &&
    (name.has("details") || name.has("get")),
  orders: (name, tool) =>
    (name.has("orders") || (name.has("order") && name.has("history"))) && tool.required.length === 0,
  profile: (name) => name.has("profile") || name.has("whoami") || name.has("account"),
  product: (name, tool) =>
    name.has("product") && tool.required.length === 1 && (name.has("details") || name.has("get")),
  products: (name) =>
    name.has("products") &&
    (name.has("search") || name.has("find") || name.has("list") || name.has("browse")),
};

/** The offered tool that can do it. */
export function toolFor(capability: Capability, tools: readonly ToolView[]): ToolView | undefined {
  const fitting = tools.filter((tool) => FITS[capability](words(tool), tool) && !namesPerson(tool));
  // A read among several: `get_order_details` before `get_order_history_report`.
  return fitting.toSorted((a, b) => a.name.length - b.name.length)[0];
}

/** What a clause about `topic` needs done. */
export function capabilityOf(text: string, topic: Topic): Capability {
  if (topic === "profile") return "profile";
  if (topic === "products") {
    return /\b(?:tell me (?:more )?about|details? (?:of|about|on|for)|specs?|specifications?|more about)\b/i.test(
      text,
    )
      ? "product"
      : "products";
  }
  if (/\bcancel\b/i.test(text)) return "cancel";
  const plural = /\borders\b|\bpurchases\b|\bhistory\b/i.test(text);
  if (
    /\btrack(?:ing)?\b|\bwhere(?:'s|’s| is| are)\b|\bwhen (?:will|does)\b|\barriv|\bon (?:its|the) way\b|\bdelivery status\b|\bstatus of\b/i.test(
      text,
    ) &&
    !plural
  )
    return "track";
  if (plural) return "orders";
  if (REFERENCE.test(text) || /\b(?:latest|last|newest|most recent)\b/i.test(text)) return "order";
  return "orders";
}

/** Best tool by shared words, for what no capability covers. */
export function closestTool(text: string, tools: readonly ToolView[]): ToolView | undefined {
  const stem = (word: string): string => word.replace(/(?:ies|es|s|ing|ed)$/, "");
  const asked = new Set((text.toLowerCase().match(/[a-z]{3,}/g) ?? []).map(stem));
  const scored = tools
    .filter((tool) => !namesPerson(tool) && !tool.name.startsWith("decline"))
    .map((tool) => {
      const inName = [...words(tool)].filter((word) => word.length > 2 && asked.has(stem(word))).length;
      const inText = (tool.description.toLowerCase().match(/[a-z]{4,}/g) ?? []).filter((word) =>
        asked.has(stem(word)),
      ).length;
      return { tool, score: inName * 3 + Math.min(inText, 4) };
    })
    .toSorted((a, b) => b.score - a.score || a.tool.name.localeCompare(b.tool.name));
  return scored[0] && scored[0].score >= 4 ? scored[0].tool : undefined;
}
