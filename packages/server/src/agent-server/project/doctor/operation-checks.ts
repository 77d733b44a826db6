/** What is unsafe about limits, and about how a project is run. */
import { type Project, isLoopback } from "../read-project.ts";
import type { Notes } from "./note.ts";

export function ofLimits({ config, env }: Project, { warnings, serving }: Notes): void {
  const { rate_limit: rate, limits, cors } = config;
  if (!rate || rate.enabled === false)
    warnings.push({
      id: "no-rate-limit",
      setting: "rate_limit",
      says: 'nobody is limited, and a loop of one client is everybody\'s bill; write { "requests": 100, "window": 60, "by": ["ip", "user"] }',
    });
  if (rate?.fail_open === true)
    warnings.push({
      id: "fail-open",
      setting: "rate_limit.fail_open",
      says: "limits end while the counter is away, which an attacker may see to; leave it out",
    });
  if (rate?.trusted_proxy_headers === true && serving.publicUrl === undefined)
    warnings.push({
      id: "proxy-headers",
      setting: "rate_limit.trusted_proxy_headers",
      says: "without a proxy of yours in front anybody writes the address that they are counted by; leave it out here",
    });
  if (
    serving.production &&
    rate &&
    (rate.backend ?? "memory") === "memory" &&
    !config.redis &&
    !env["REDIS_URL"]
  )
    warnings.push({
      id: "counted-apart",
      setting: "rate_limit.backend",
      says: "each replica counts for itself; set REDIS_URL where there is more than one",
    });
  const most = Math.max(limits?.request_bytes ?? 0, Number(env["MAX_REQUEST_SIZE"] ?? 0));
  if (most > 100 * 1024 * 1024)
    warnings.push({
      id: "large-requests",
      setting: "limits.request_bytes",
      says: "a few requests fill the memory; 10 MiB do for text",
    });
  for (const origin of cors?.origins ?? [])
    if (origin.startsWith("http://") && !isLoopback(new URL(origin).hostname))
      warnings.push({
        id: "plain-origin",
        setting: "cors.origins",
        says: "whoever is on the way changes the pages of a plain-http origin, and with them what it asks for; list its https address",
      });
}

export function ofOperation({ config, env }: Project, { warnings, serving }: Notes): void {
  const { publicUrl, production } = serving;
  if (!production && publicUrl?.startsWith("https://"))
    warnings.push({
      id: "not-production",
      setting: "MODE",
      says: "the address is public, and MODE is not production, which would refuse what is unsafe; set MODE=production",
    });
  const kept =
    config.checkpointer ??
    config.stores?.conversations ??
    (config.database || env["DATABASE_URL"] ? "postgres" : "memory");
  if (production && kept === "memory")
    warnings.push({
      id: "forgetful",
      setting: "stores.conversations",
      says: "threads are lost when the process ends; take `postgres`, `redis` or `sqlite`",
    });
  if (production && !env["DEPUTIZE_AUDIT_SECRET"])
    warnings.push({
      id: "log-secret",
      setting: "DEPUTIZE_AUDIT_SECRET",
      says: "codes of the log are made from the data folder, so whoever writes there can forge both; set it, kept apart (openssl rand -hex 32)",
    });
  for (const [setting, value] of idle(config))
    if (value !== undefined)
      warnings.push({
        id: "unused",
        setting,
        says: "is checked, and used by nothing of this server yet; what it says does not hold",
      });
}

/** Keys that are taken, for files of the original and for what comes, and that nothing reads (AF-D24). */
function idle({ evaluation, thread_name_generator }: Project["config"]) {
  return Object.entries({ evaluation, thread_name_generator });
}
