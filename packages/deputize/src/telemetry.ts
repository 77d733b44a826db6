export * from "@deputize/server/telemetry";
