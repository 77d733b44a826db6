export * from "@deputize/server";
export * from "@deputize/server/agent-server";
