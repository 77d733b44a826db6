export * from "@deputize/client/server";
