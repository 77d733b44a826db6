export * from "@deputize/mcp";
