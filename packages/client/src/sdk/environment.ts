/** Settings of the SDK from the environment; the later names are what programs and commands of the broker protocol use. */
import { DeputizeError } from "@deputize/core";

const NAMES = {
  brokerUrl: ["DEPUTIZE_URL", "AGENTWRIT_BROKER_URL", "AACTL_BROKER_URL"],
  clientId: ["DEPUTIZE_CLIENT_ID", "AGENTWRIT_CLIENT_ID"],
  clientSecret: ["DEPUTIZE_CLIENT_SECRET", "AGENTWRIT_CLIENT_SECRET"],
  adminSecret: ["DEPUTIZE_ADMIN_SECRET", "AGENTWRIT_ADMIN_SECRET", "AACTL_ADMIN_SECRET"],
} as const;

/** One setting. Throws `config_invalid`, naming the variable, when neither name is set. */
export function fromEnvironment(
  name: keyof typeof NAMES,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const names = NAMES[name];
  const value = names.map((known) => env[known]).find(Boolean);
  if (!value) throw new DeputizeError("config_invalid", `set \`${names[0]}\` (or \`${names[1]}\`)`);
  return value;
}
