export * from "@deputize/server";
