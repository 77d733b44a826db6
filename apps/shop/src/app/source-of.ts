/** Where requests come from. */
import type { Context } from "hono";

/** The address of whoever sent a request; requests of this process have none. */
export function sourceOf(c: Context): string {
  const incoming = (c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return incoming?.socket?.remoteAddress ?? "this process";
}
