export * from "@deputize/server";
export * from "@deputize/server/agent-server";
export {
  type StartAuthorityOptions,
  type StartedAuthority,
  readAuthoritySettings,
  startAuthority,
} from "@deputize/server/authority";
