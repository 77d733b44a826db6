export * from "@deputize/server/authenticators";
