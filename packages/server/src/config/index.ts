/** config: what an installation is told (settings) and what it keeps to itself (secrets). */
export { type Secrets, generateSecrets, loadOrCreateSecrets, readSecrets } from "./secrets.ts";
export { type SettingOverrides, type Settings, readSettings } from "./settings.ts";
