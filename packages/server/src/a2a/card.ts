/**
 * The card of an agent (A2A 1.0 §4.4): what it does, where, and how to prove who asks.
 *
 * Guarantees: the public card says only what is public; tools, prompts and people are not in it, and skills that are for callers
 * stand in the extended card alone. Push notifications are not offered, so no caller can make this server send requests to an
 * address of the caller's choice.
 */
import type { AgentCard } from "@a2a-js/sdk";
import type { AuthScheme } from "../authenticators/index.ts";
import { cardSecurity } from "./card-security.ts";
import { TURN_EXTENSION } from "./parts.ts";

export interface AgentSkillInfo {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** What it is found by; its id unless told. */
  readonly tags?: readonly string[];
  readonly examples?: readonly string[];
  /** Leaves it out of the public card: callers who proved who they are read of it in the extended one. */
  readonly forCallers?: boolean;
}

export interface AgentCardOptions {
  readonly name: string;
  readonly description: string;
  /** The agent's own URL, which is also the audience that tokens for it must name. */
  readonly url: string;
  readonly version: string;
  readonly skills: readonly AgentSkillInfo[];
  readonly documentationUrl?: string;
  readonly provider?: { readonly organization: string; readonly url: string };
  /** How to prove who asks, by name; a bearer token for `url` unless told. */
  readonly security?: Readonly<Record<string, AuthScheme>>;
}

/** Only 1.0 is spoken: an absent `A2A-Version` header means 0.3 and is refused. */
export const A2A_VERSION = "1.0";

const MODES = ["text/plain", "application/json"];

/** Makes the card of one agent: the public one, or the `extended` one. Throws `config_invalid` for schemes that no card may hold. */
export function agentCard(options: AgentCardOptions, kind: "public" | "extended" = "public"): AgentCard {
  const extended = options.skills.some((skill) => skill.forCallers === true);
  const skills = options.skills.filter((skill) => kind === "extended" || skill.forCallers !== true);
  const bearer: AuthScheme = {
    kind: "bearer",
    format: "JWT",
    description: `an access token of a person or an agent acting for one, with audience ${options.url}`,
  };
  return {
    name: options.name,
    description: options.description,
    version: options.version,
    supportedInterfaces: [
      { url: options.url, protocolBinding: "JSONRPC", tenant: "", protocolVersion: A2A_VERSION },
    ],
    provider: options.provider && { ...options.provider },
    ...(options.documentationUrl && { documentationUrl: options.documentationUrl }),
    capabilities: {
      streaming: true,
      pushNotifications: false,
      extendedAgentCard: extended,
      extensions: [
        {
          uri: TURN_EXTENSION,
          description: "steps, cards, approvals and labels of a turn, as data parts",
          required: false,
          params: undefined,
        },
      ],
    },
    ...cardSecurity(options.security ?? { deputize: bearer }),
    defaultInputModes: [...MODES],
    defaultOutputModes: [...MODES],
    skills: skills.map((skill) => ({
      id: skill.id,
      name: skill.name,
      description: skill.description,
      tags: [...(skill.tags ?? [skill.id])],
      examples: [...(skill.examples ?? [])],
      inputModes: [],
      outputModes: [],
      securityRequirements: [],
    })),
    signatures: [],
  };
}
