/** The desk on a port of this machine. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { DeputizeError } from "deputize/core";
import { type Desk, type DeskOptions, openDesk } from "./installation.ts";

export interface ServedDesk extends AsyncDisposable {
  readonly desk: Desk;
  readonly url: string;
}

/** Port 0 takes a free one. Throws `config_invalid` when the port is taken. */
export async function serveDesk(
  options: Omit<DeskOptions, "url"> & { readonly port: number },
): Promise<ServedDesk> {
  await using undo = new AsyncDisposableStack();
  let desk: Desk | undefined;
  const answer = (request: Request): Response | Promise<Response> =>
    desk?.fetch(request) ?? new Response("starting", { status: 503 });
  const http = createAdaptorServer({ fetch: answer }) as Server;
  await new Promise<void>((resolve, reject) => {
    http.once("error", (cause) =>
      reject(
        new DeputizeError("config_invalid", "the port cannot be used; name another with --port", { cause }),
      ),
    );
    http.listen(options.port, "127.0.0.1", resolve);
  });
  undo.defer(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  desk = undo.use(await openDesk({ ...options, url }));
  const kept = undo.move();
  return { desk, url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
