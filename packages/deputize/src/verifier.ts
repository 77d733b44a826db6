export * from "@deputize/client/verifier";
