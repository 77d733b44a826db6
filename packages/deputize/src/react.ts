export * from "@deputize/client/react";
