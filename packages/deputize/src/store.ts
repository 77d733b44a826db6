export * from "@deputize/store";
