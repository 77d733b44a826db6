export * from "@deputize/guardrails";
