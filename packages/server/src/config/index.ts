/** config: what an installation is told (settings, configuration file) and what it keeps to itself (secrets). */
export {
  type AuthorityOverrides,
  type AuthoritySettings,
  adminSecretCheck,
  readAuthoritySettings,
} from "./authority-settings.ts";
export {
  type ConfigFile,
  adminSecretMatches,
  configSecretMatches,
  hashAdminSecret,
  initConfig,
  readConfigFile,
  rotateAdminSecret,
} from "./config-file.ts";
export { assertPrivateTarget, writePrivateFile } from "@deputize/store";
export { type Secrets, generateSecrets, loadOrCreateSecrets, readSecrets } from "./secrets.ts";
export { type SettingOverrides, type Settings, readSettings } from "./settings.ts";
export { type TokenJwk, type TokenKeyStore, tokenKeyStore, tokenKeys } from "./token-keys.ts";
