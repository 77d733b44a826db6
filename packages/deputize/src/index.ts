/**
 * deputize: what users install. Each room of the house is an entry of its own (`deputize/mcp`,
 * `deputize/client`, …); this one has the words that all of them share.
 */
export * from "@deputize/core";
