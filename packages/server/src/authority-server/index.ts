/** authority-server: the authority alone, as a server. */
export { type AuthoritySettings, readAuthoritySettings } from "../config/index.ts";
export {
  type StartAuthorityOptions,
  type StartedAuthority,
  authorityServerMigrations,
  startAuthority,
} from "./start-authority.ts";
export { type PruneDeps, pruneAuthority } from "./prune-authority.ts";
