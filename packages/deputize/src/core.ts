export * from "@deputize/core";
