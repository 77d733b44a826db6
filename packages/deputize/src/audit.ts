export * from "@deputize/audit";
