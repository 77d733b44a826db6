/**
 * One-use tickets for sockets, for clients that can send neither a header nor a protocol.
 *
 * Guarantees: a ticket opens one socket, within half a minute of being made, for the credential that asked for it [AF-D15]. What is kept of
 * it holds the credential only encrypted under the ticket itself, so that whoever reads the store opens nothing.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { Ephemeral } from "@deputize/store";
import { rejected } from "../../authenticators/authenticator.ts";
import { AuthRefused } from "../../authenticators/index.ts";

export const TICKET_SECONDS = 30;
const CREDENTIALS = ["authorization", "x-api-key", "cookie"];
const TICKET = /^[A-Za-z0-9_-]{43}$/;
const TAG_BYTES = 16;

export interface Tickets {
  /** A ticket for the credential of a request. */
  make(request: Request): Promise<string>;
  /** The headers of that credential. Throws `AuthRefused` for a ticket that is none, that is over, or that was used. */
  redeem(ticket: string): Promise<Headers>;
}

/** `opened` is asked for at the first ticket. */
export function socketTickets(opened: () => Promise<Ephemeral>): Tickets {
  const nameOf = (ticket: string): string =>
    `socket-ticket:${createHash("sha256").update(`name ${ticket}`).digest("hex")}`;
  const keyOf = (ticket: string): Buffer => createHash("sha256").update(`key ${ticket}`).digest();

  return {
    async make(request) {
      const ephemeral = await opened();
      const ticket = randomBytes(32).toString("base64url");
      const held = CREDENTIALS.flatMap((name) => {
        const value = request.headers.get(name);
        return value === null ? [] : [[name, value]];
      });
      // A key is used once, so the nonce may be fixed.
      const cipher = createCipheriv("aes-256-gcm", keyOf(ticket), Buffer.alloc(12));
      const sealed = Buffer.concat([
        cipher.update(JSON.stringify(held), "utf8"),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      await ephemeral.set(nameOf(ticket), sealed.toString("base64url"), TICKET_SECONDS * 1_000);
      return ticket;
    },
    async redeem(ticket) {
      const refused = (): AuthRefused => new AuthRefused(rejected("INVALID_TOKEN", "the ticket is not good"));
      if (!TICKET.test(ticket)) throw refused();
      const ephemeral = await opened();
      const name = nameOf(ticket);
      const sealed = await ephemeral.get(name);
      // Of many who come with it at once, one goes on.
      if (sealed === undefined || !(await ephemeral.setIfAbsent(`${name}:used`, "1", TICKET_SECONDS * 2_000)))
        throw refused();
      await ephemeral.delete(name);
      const bytes = Buffer.from(sealed, "base64url");
      const decipher = createDecipheriv("aes-256-gcm", keyOf(ticket), Buffer.alloc(12));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const open = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
      return new Headers(JSON.parse(open.toString("utf8")) as [string, string][]);
    },
  };
}
