/**
 * The public card of an agent (A2A 1.0 §4.4): what it does, where, and that a bearer token is needed.
 *
 * Guarantees: says only what is public; tools, prompts and people are not in it. Push notifications are not
 * offered, so no caller can make this server send requests to an address of the caller's choice.
 */
import type { AgentCard } from "@a2a-js/sdk";
import { TURN_EXTENSION } from "./parts.ts";

export interface AgentSkillInfo {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags?: readonly string[];
  readonly examples?: readonly string[];
}

export interface AgentCardOptions {
  readonly name: string;
  readonly description: string;
  /** The agent's own URL, which is also the audience that tokens for it must name. */
  readonly url: string;
  readonly version: string;
  readonly skills: readonly AgentSkillInfo[];
  readonly documentationUrl?: string;
}

/** Only 1.0 is spoken: an absent `A2A-Version` header means 0.3 and is refused. */
export const A2A_VERSION = "1.0";

/** Makes the card of one agent. */
export function agentCard(options: AgentCardOptions): AgentCard {
  return {
    name: options.name,
    description: options.description,
    version: options.version,
    supportedInterfaces: [
      { url: options.url, protocolBinding: "JSONRPC", tenant: "", protocolVersion: A2A_VERSION },
    ],
    provider: undefined,
    ...(options.documentationUrl && { documentationUrl: options.documentationUrl }),
    capabilities: {
      streaming: true,
      pushNotifications: false,
      extendedAgentCard: false,
      extensions: [
        {
          uri: TURN_EXTENSION,
          description: "steps, cards, approvals and labels of a turn, as data parts",
          required: false,
          params: undefined,
        },
      ],
    },
    securitySchemes: {
      deputize: {
        scheme: {
          $case: "httpAuthSecurityScheme",
          value: {
            description: `an access token of a person or an agent acting for one, with audience ${options.url}`,
            scheme: "Bearer",
            bearerFormat: "JWT",
          },
        },
      },
    },
    securityRequirements: [{ schemes: { deputize: { list: [] } } }],
    defaultInputModes: ["text/plain", "application/json"],
    defaultOutputModes: ["text/plain", "application/json"],
    skills: options.skills.map((skill) => ({
      id: skill.id,
      name: skill.name,
      description: skill.description,
      tags: [...(skill.tags ?? [])],
      examples: [...(skill.examples ?? [])],
      inputModes: [],
      outputModes: [],
      securityRequirements: [],
    })),
    signatures: [],
  };
}
