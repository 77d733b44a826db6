/**
 * The setting `a2a`, made into the routes that serve a project's agents to other agents.
 *
 * Guarantees: cards are signed. The key is `A2A_CARD_KEY` of the environment (PEM text, or a JWK as JSON) where it is set; else it is
 * made once and kept in `<data>/a2a-card-key.pem`, which its owner alone reads. Several replicas are given one key by the environment,
 * or share the folder.
 */
import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readPrivateFile, writePrivateFile } from "@deputize/store";
import { type CardKey, type CardSigner, cardSigner } from "../../a2a/card-signature.ts";
import { a2aRoutes } from "../a2a/a2a-routes.ts";
import type { AgentServerOptions } from "../create-agent-server.ts";
import type { ServerAuth } from "../sign-in.ts";
import type { Project } from "./read-project.ts";

export interface ProjectA2aOptions {
  readonly auth: ServerAuth | null;
  readonly dataDir: string;
}

/** Undefined where agents are not served to agents, which is so unless set. Throws `config_invalid`. */
export async function projectA2a(
  { config, env }: Project,
  { auth, dataDir }: ProjectA2aOptions,
): Promise<AgentServerOptions["routes"]> {
  const setting = config.a2a ?? false;
  if (setting === false) return undefined;
  const { agents, provider } = setting === true ? {} : setting;
  const signer: CardSigner = await cardSigner({ keys: [keyOf(env["A2A_CARD_KEY"], dataDir)] });
  return (parts) =>
    a2aRoutes(parts, {
      chain: auth?.chain ?? null,
      signer,
      ...(agents && { agents }),
      ...(provider && { provider }),
    });
}

function keyOf(setting: string | undefined, dataDir: string): CardKey {
  if (setting) return setting;
  const file = join(dataDir, "a2a-card-key.pem");
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    try {
      writePrivateFile(file, String(privateKey.export({ type: "pkcs8", format: "pem" })), "new");
    } catch (error) {
      // Another process of this folder may have been first.
      if (!existsSync(file)) throw error;
    }
  }
  return readPrivateFile(file);
}
