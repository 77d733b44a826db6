export * from "@deputize/authority";
