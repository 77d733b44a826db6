export * from "@deputize/client";
