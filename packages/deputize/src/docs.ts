export * from "@deputize/server/docs";
