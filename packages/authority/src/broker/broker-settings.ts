/**
 * What an installation decides about its broker, with the defaults of the protocol.
 */
import { DeputizeError } from "@deputize/core";
import { readBrokerScope } from "./broker-scopes.ts";

export interface BrokerLifetimes {
  /** Of a worker whose launch token names none; 300 s. */
  readonly defaultSeconds?: number;
  /** No token lives longer, whatever is asked; 86,400 s. */
  readonly maxSeconds?: number;
  /** Of an app's own token when the app names none; 1,800 s. */
  readonly appSeconds?: number;
  /** Of an operator's token; 300 s. */
  readonly adminSeconds?: number;
  /** How long renewal may keep a worker alive in all; 86,400 s. */
  readonly renewSeconds?: number;
}

export interface BrokerOptions {
  /** `iss` of its tokens; `agentwrit` unless told. Must differ from the authority's own issuer. */
  readonly issuer?: string;
  /** When told, tokens claim it and no other is accepted. */
  readonly audience?: string;
  /** Trust domain of the workers' SPIFFE ids; `agentwrit.local` unless told. */
  readonly trustDomain?: string;
  /** The most that workers of operators' own launch tokens may hold; nothing unless told. */
  readonly operatorScopes?: readonly string[];
  readonly lifetimes?: BrokerLifetimes;
}

export interface BrokerSettings {
  readonly issuer: string;
  readonly audience: string | undefined;
  readonly trustDomain: string;
  readonly operatorScopes: readonly string[];
  readonly lifetimes: Required<BrokerLifetimes>;
}

/** A year: longer is a mistake in a setting. */
const LIFETIME_MAX = 366 * 86_400;

/** Checks the options and fills in what they leave out. Throws `config_invalid`. */
export function brokerSettings(options: BrokerOptions = {}): BrokerSettings {
  const settings: BrokerSettings = {
    issuer: options.issuer ?? "agentwrit",
    audience: options.audience,
    trustDomain: options.trustDomain ?? "agentwrit.local",
    operatorScopes: options.operatorScopes ?? [],
    lifetimes: {
      defaultSeconds: 300,
      maxSeconds: 86_400,
      appSeconds: 1_800,
      adminSeconds: 300,
      renewSeconds: 86_400,
      ...options.lifetimes,
    },
  };
  for (const [name, seconds] of Object.entries(settings.lifetimes)) {
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > LIFETIME_MAX) {
      throw new DeputizeError(
        "config_invalid",
        `\`${name}\` of the broker is a whole number of seconds, up to a year`,
      );
    }
  }
  if (!/^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/.test(settings.trustDomain)) {
    throw new DeputizeError(
      "config_invalid",
      "the trust domain is lower-case letters, digits, `.`, `_` and `-`",
    );
  }
  if (settings.issuer === "" || settings.audience === "") {
    throw new DeputizeError(
      "config_invalid",
      "the broker's issuer and audience are not empty; leave the audience out instead",
    );
  }
  for (const scope of settings.operatorScopes) {
    if (readBrokerScope(scope) !== "data") {
      throw new DeputizeError(
        "config_invalid",
        "operator scopes are `action:resource:identifier`, none of `admin:` or `app:`",
      );
    }
  }
  return settings;
}
