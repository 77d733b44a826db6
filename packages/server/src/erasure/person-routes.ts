/**
 * HTTP of what a person may ask about all that is kept of them: to have it, and to be erased.
 *
 * Guarantees: only the person, at a session of their own, within 15 minutes of proving who they are: an agent, an app or an
 * exchanged token, all of which have the person as subject, gets 403. Erasing takes the person's own address as confirmation.
 * Does not: let anybody erase another; that is a command at the machine.
 */
import type { AuditLog } from "@deputize/audit";
import type { Authority } from "@deputize/authority";
import { problemHandler, readJson } from "@deputize/client";
import { type Clock, DeputizeError } from "@deputize/core";
import { Hono } from "hono";
import { z } from "zod";
import { erasePerson } from "./erase-person.ts";
import { exportPerson } from "./export-person.ts";
import type { PersonKeeper } from "./person-keeper.ts";

export const EraseBody = z.strictObject({
  /** The person's e-mail address. */
  confirm: z.string().min(1).max(254),
});

export interface PersonRoutesOptions {
  readonly authority: Pick<Authority, "people" | "authenticateForDecision" | "requireFreshSession">;
  readonly keepers: () => Promise<readonly PersonKeeper[]>;
  readonly audit: AuditLog;
  readonly clock: Clock;
}

export function personRoutes({ authority, keepers, audit, clock }: PersonRoutesOptions): Hono {
  const { people, authenticateForDecision, requireFreshSession } = authority;
  const app = new Hono();
  problemHandler(app);

  app.post("/api/me/erase", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    await requireFreshSession(caller, "person.erase");
    const { confirm } = await readJson(c, EraseBody);
    const person = await people.get(caller.subject, caller.tenant);
    if (person?.email !== confirm.normalize("NFC").trim().toLowerCase()) {
      throw new DeputizeError("validation_failed", "`confirm` is your own e-mail address", {
        detail: { field: "confirm" },
      });
    }
    const { id, at, counts, entryId, proof } = await erasePerson({
      owner: caller,
      by: { actor: caller.subject, tenant: caller.tenant },
      keepers: await keepers(),
      people,
      audit,
      clock,
    });
    return c.json({ id, at, counts, entry_id: entryId, proof }, 200, { "Cache-Control": "no-store" });
  });

  app.get("/api/me/export", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    await requireFreshSession(caller, "person.export");
    await audit.append({
      action: "person.export",
      outcome: "allowed",
      tenant: caller.tenant,
      subject: caller.subject,
    });
    const pieces = exportPerson({ owner: caller, keepers: await keepers(), audit, clock });
    return c.body(bytesOf(pieces), 200, {
      "Content-Type": "application/json",
      "Content-Disposition": 'attachment; filename="export.json"',
      "Cache-Control": "no-store",
    });
  });

  return app;
}

/** Made as fast as it is read, and not at all once nobody reads. */
function bytesOf(pieces: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => void (await pieces.return(undefined)),
  });
}
