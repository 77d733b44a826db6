export * from "@deputize/agent";
